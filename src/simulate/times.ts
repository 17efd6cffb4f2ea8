/**
 * Event times as text. Events come in the order of time, so the text of the last millisecond or second is
 * kept.
 */

/** Milliseconds since 1970 UTC to text. */
export type TimeText = (timeMs: number) => string;

const MILLISECONDS: readonly string[] = Array.from(
  { length: 1000 },
  (_, ms) => `${String(ms).padStart(3, "0")}Z`,
);
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** `2026-01-05T14:30:00.123Z`, with `opening` before it. */
export function isoTimeText(opening: string): TimeText {
  let secondMs = Number.NaN;
  let prefix = "";
  let lastMs = Number.NaN;
  let text = "";
  return (timeMs) => {
    const wholeMs = Math.floor(timeMs);
    if (wholeMs === lastMs) return text;
    const sinceSecondMs = wholeMs - secondMs;
    if (!(sinceSecondMs >= 0 && sinceSecondMs < 1000)) {
      secondMs = Math.floor(wholeMs / 1000) * 1000;
      prefix = opening + new Date(secondMs).toISOString().slice(0, -4);
    }
    lastMs = wholeMs;
    text = prefix + (MILLISECONDS[wholeMs - secondMs] as string);
    return text;
  };
}

/** `[05/Jan/2026:14:30:00 +0000]`, as Apache's %t. */
export function logTimeText(): TimeText {
  let lastSecond = Number.NaN;
  let text = "";
  return (timeMs) => {
    const second = Math.floor(timeMs / 1000);
    if (second === lastSecond) return text;
    lastSecond = second;
    const iso = new Date(second * 1000).toISOString();
    const month = MONTHS[Number(iso.slice(5, 7)) - 1];
    text = `[${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000]`;
    return text;
  };
}

/** A function of the time that is worked out once a minute of event time. */
export function byMinute(valueAt: (minuteStartMs: number) => number): (timeMs: number) => number {
  let lastMinute = Number.NaN;
  let value = 0;
  return (timeMs) => {
    const minute = Math.floor(timeMs / 60_000);
    if (minute !== lastMinute) {
      lastMinute = minute;
      value = valueAt(minute * 60_000);
    }
    return value;
  };
}
