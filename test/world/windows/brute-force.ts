/**
 * Windows by the definition, tried one after the other, with a calendar of our own: nothing here asks DuckDB.
 * Times are microseconds since 1970.
 */

/** Months follow the calendar; microseconds don't. */
export interface Span {
  readonly months: number;
  readonly us: bigint;
}

export interface WindowsCall {
  readonly kind: "tumble" | "hop" | "cumulate";
  /** Slide or step; of a tumbling window its size. */
  readonly step: Span;
  readonly size: Span;
  readonly originUs: bigint | undefined;
}

export interface Window {
  readonly startUs: bigint;
  readonly endUs: bigint;
}

const MS = 1000n;
const MONDAY_US = BigInt(Date.UTC(2000, 0, 3)) * MS;
const FIRST_US = BigInt(Date.UTC(2000, 0, 1)) * MS;

/** Every window that a time is in: the one that holds it last comes first. */
export function windowsOf(timeUs: bigint, { kind, step, size, originUs }: WindowsCall): readonly Window[] {
  if (kind === "cumulate") {
    const startUs = startBefore(timeUs, size, originUs);
    const lastUs = plus(startUs, size, 1);
    const windows: Window[] = [];
    for (let count = 1; ; count += 1) {
      const stepUs = plus(startUs, step, count);
      const endUs = stepUs < lastUs ? stepUs : lastUs;
      if (timeUs < endUs) windows.push({ startUs, endUs });
      if (endUs === lastUs) return windows;
    }
  }
  const slide = kind === "tumble" ? size : step;
  const windows: Window[] = [];
  const firstUs = startBefore(timeUs, slide, originUs);
  for (let count = 0; ; count += 1) {
    const startUs = plus(firstUs, slide, -count);
    const endUs = plus(startUs, size, 1);
    if (timeUs < endUs) windows.push({ startUs, endUs });
    else return windows;
  }
}

/** The last point of the grid that is not after the time. */
function startBefore(timeUs: bigint, step: Span, originUs: bigint | undefined): bigint {
  const gridUs = originUs ?? (step.months > 0 ? FIRST_US : MONDAY_US);
  const pointAt = (index: number): bigint => plus(gridUs, step, index);
  let [low, high] = [-1, 1];
  while (pointAt(low) > timeUs) low *= 2;
  while (pointAt(high) <= timeUs) high *= 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (pointAt(middle) <= timeUs) low = middle;
    else high = middle;
  }
  return pointAt(low);
}

/** A time and so many spans: a day that the month does not have becomes its last one. */
export function plus(timeUs: bigint, { months, us }: Span, count: number): bigint {
  const dayUs = 86_400n * 1_000_000n;
  const day = timeUs / dayUs - (timeUs % dayUs < 0n ? 1n : 0n);
  const restUs = timeUs - day * dayUs;
  const date = new Date(Number(day) * 86_400_000);
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth() + months * count;
  const year = Math.floor(month / 12);
  const lastDay = new Date(Date.UTC(year, (month % 12) + 1, 0)).getUTCDate();
  const dayMs = Date.UTC(year, month - year * 12, Math.min(date.getUTCDate(), lastDay));
  return BigInt(dayMs) * MS + restUs + us * BigInt(count);
}

/** As DuckDB reads it. */
function intervalText({ months, us }: Span): string {
  return `INTERVAL '${months} months ${us} microseconds'`;
}

/** The call as a job has it, over the stream `ticks`. */
export function callText({ kind, step, size, originUs }: WindowsCall, time = "ts"): string {
  const sizes = kind === "tumble" ? [size] : [step, size];
  const origin = originUs === undefined ? "" : `, origin := TIMESTAMP '${timeText(originUs)}'`;
  return `${kind}(ticks, ${time}, ${sizes.map(intervalText).join(", ")}${origin})`;
}

/** `2026-01-05T14:30:00.123Z`, with microseconds where there are any: as rows are written. */
export function timeText(us: bigint): string {
  const ms = us / MS - (us % MS < 0n ? 1n : 0n);
  const rest = us - ms * MS;
  const text = new Date(Number(ms)).toISOString();
  return rest === 0n ? text : text.replace("Z", `${String(rest).padStart(3, "0")}Z`);
}
