/**
 * A source of which too little can be read is no source of such records: going on would make a dead letter of
 * each line. It stops before the batch is committed, so nothing is lost when it is put right.
 */

import { StreamkitError } from "../base/error.ts";
import { counted } from "../base/units.ts";
import type { Database } from "../duckdb/database.ts";
import { type DeadLetters, firstLetter } from "../formats/dead-letters.ts";

export interface BadShare {
  /** Looks at a batch: its rows, and the lines that are none. Throws code `input` beyond the share. */
  see(database: Database, rows: number, unread: DeadLetters): Promise<void>;
}

/** So many lines are looked at together. */
const LINES_PER_LOOK = 100_000;

/** `maxShare`: between 0 and 1; left out, the source stops where none of its lines can be read. */
export function openBadShare(source: string, format: string, maxShare: number | "off" | undefined): BadShare {
  let lines = 0;
  let bad = 0;
  let hasRow = false;
  return {
    async see(database, rows, unread) {
      hasRow ||= rows > 0;
      if (maxShare === "off" || (maxShare === undefined && hasRow)) return;
      lines += rows + unread.count;
      bad += unread.count;
      if (lines < LINES_PER_LOOK) return;
      if (maxShare === undefined || bad > maxShare * lines) {
        const first = await firstLetter(database, unread);
        throw tooBad(source, { format, lines, bad, maxShare, first });
      }
      lines = 0;
      bad = 0;
    },
  };
}

interface Found {
  readonly format: string;
  readonly lines: number;
  readonly bad: number;
  readonly maxShare: number | undefined;
  readonly first: Awaited<ReturnType<typeof firstLetter>>;
}

function tooBad(source: string, { format, lines, bad, maxShare, first }: Found): StreamkitError {
  const limit =
    maxShare === undefined ? "no line fits" : `more than the ${maxShare * 100}% that max_bad: allows`;
  const example = first === undefined ? "" : `: first reason: ${first.reason} (${first.place})`;
  const share = `${bad.toLocaleString("en-US")} of ${counted(lines, "line")}`;
  return new StreamkitError(
    "input",
    `${source}: this is not ${format}: ${share}${example}; ${limit}. ` +
      "Nothing of this batch was taken: name the format and schema that fit (`streamkit formats FILE` says " +
      "which), or let all such lines be dead letters with max_bad: off, --max-bad off",
    { component: "source" },
  );
}
