/**
 * Disturbs a clean stream of lines: an event comes late, comes twice, or comes as a broken line. One event
 * has one fault at most. The events themselves are the same as without faults, so the truth about each
 * disturbed line is enough to get the clean stream back.
 */

import { breakLine, type LineFormat } from "./broken.ts";
import { integerBelow, type Random } from "./random.ts";

/** What was done to one line of the output. */
export interface Fault {
  /** Of the disturbed line in the output, from 0; the header of a CSV is line 0. */
  readonly line: number;
  /** Bytes before that line in the output. */
  readonly offset: number;
  /** `broken`: stands for the event, which is lost. `duplicate`: comes on top of the event's own line. */
  readonly did: "late" | "duplicate" | "broken";
  /** The event's place in the clean stream, from 0. */
  readonly event: number;
  /** `late`, `duplicate`: how many events were drawn since. */
  readonly by?: number;
  /** `broken`: in which way. */
  readonly how?: string;
  /** The event's line in the clean stream. */
  readonly original: string;
}

export interface FaultShares {
  readonly late: number;
  readonly duplicates: number;
  readonly bad: number;
}

export interface Disturber {
  /**
   * Takes the next event's line; adds what is to be written now to `lines`, and what was done to it to
   * `faults`.
   */
  push(clean: string, lines: string[], faults: Fault[]): void;
  /** Adds the lines that were still held back at the end of the stream. */
  flush(lines: string[], faults: Fault[]): void;
}

interface HeldLine {
  readonly event: number;
  readonly did: "late" | "duplicate";
  readonly clean: string;
}

/** A second copy comes at most so many events after the first. */
const MAX_DUPLICATE_DELAY_EVENTS = 16;

/** Late lines are held back for 1 to `maxDelayEvents` events: that bounds the memory, too. */
export function createDisturber(
  shares: FaultShares,
  maxDelayEvents: number,
  format: LineFormat,
  start: { line: number; offset: number },
  random: Random,
): Disturber {
  const heldUntil = new Map<number, HeldLine[]>();
  let event = 0;
  let line = start.line;
  let offset = start.offset;
  let latestWritten = -1;

  const write = (text: string, lines: string[]): { line: number; offset: number } => {
    const place = { line, offset };
    lines.push(text);
    line += 1;
    offset += text.length + 1;
    return place;
  };
  const hold = (did: HeldLine["did"], clean: string, maxDelay: number): void => {
    const due = event + 1 + integerBelow(random, maxDelay);
    const held = heldUntil.get(due);
    if (held === undefined) heldUntil.set(due, [{ event, did, clean }]);
    else held.push({ event, did, clean });
  };
  const release = (due: number, lines: string[], faults: Fault[]): void => {
    for (const { event: heldEvent, did, clean } of heldUntil.get(due) ?? []) {
      const place = write(clean, lines);
      // Held back to the very end with nothing after it, an event is not late.
      const isDisturbed = did === "duplicate" || heldEvent < latestWritten;
      if (isDisturbed)
        faults.push({ ...place, did, event: heldEvent, by: event - heldEvent, original: clean });
      else latestWritten = heldEvent;
    }
    heldUntil.delete(due);
  };

  return {
    push(clean, lines, faults) {
      const fate = random.share();
      if (fate < shares.bad) {
        const broken = breakLine(format, clean, random);
        faults.push({ ...write(broken.line, lines), did: "broken", event, how: broken.how, original: clean });
        latestWritten = event;
      } else if (fate < shares.bad + shares.late) {
        hold("late", clean, maxDelayEvents);
      } else {
        write(clean, lines);
        latestWritten = event;
        if (fate < shares.bad + shares.late + shares.duplicates)
          hold("duplicate", clean, MAX_DUPLICATE_DELAY_EVENTS);
      }
      if (heldUntil.size > 0) release(event, lines, faults);
      event += 1;
    },
    flush(lines, faults) {
      for (const due of [...heldUntil.keys()].toSorted((a, b) => a - b)) release(due, lines, faults);
    },
  };
}
