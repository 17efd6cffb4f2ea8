/**
 * A batch into a database, exactly once: one transaction that begins with the batch's mark, so that of two
 * who would write the same batch the second waits, and then sees that it is there.
 *
 * A connection that fails is thrown away, whatever was under way, and the batch is tried again on a new one:
 * the mark tells whether a COMMIT without an answer was done.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { counted } from "../base/units.ts";
import { sql } from "../duckdb/sql.ts";
import { openLife } from "./life.ts";
import { NUMBER } from "./net-effect.ts";
import {
  type Mark,
  type NetRows,
  type Range,
  type Refusal,
  RefusedRows,
  type Session,
  type Target,
} from "./target.ts";

export interface BatchWriter {
  /** As it was at the start: the last batch that the target holds; undefined if none of this checkpoint. */
  readonly mark: Mark | undefined;
  /** Whether the table has had rows of this job with another checkpoint. */
  readonly hasOtherMarks: boolean;
  /** Writes all rows but those that are refused, which it returns; code `stopped` where we are stopped. */
  write(rows: NetRows): Promise<readonly Refusal[]>;
  close(how: { readonly forgetsMark: boolean }): Promise<void>;
}

export interface BatchWriterOptions {
  readonly target: Target;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** What becomes of a row that the target refuses. */
  readonly onError: "dead_letter" | "stop";
  /** Between 0 and 1. */
  readonly random: () => number;
}

const RETRY_MS = 100;
const MAX_RETRY_MS = 5000;
/** More in one batch: the table is another one than the query was made for. */
const MAX_REFUSED_ROWS = 10_000;

/** Throws codes `io` and `job`: no server, no right, a table that does not fit. */
export async function openBatchWriter(options: BatchWriterOptions): Promise<BatchWriter> {
  const { target, clock, stop, random } = options;
  const life = openLife({ clock, stop, name: target.name });
  const { opened, ...found } = await life.opening(() => openedWithMarks(target));
  let session: Session | undefined = opened;

  const attempt = async (rows: NetRows): Promise<readonly Refusal[]> => {
    session ??= await target.connect();
    if (!(await session.begin(rows.batch))) {
      const found = await session.mark();
      await session.rollback();
      return found?.refused ?? [];
    }
    const unsent = await unsendable(rows, options);
    const isDone = (await session.bulk?.(rows)) === true;
    if (!isDone) await session.stage(rows);
    failpoint("database-staged");
    const refused = [...unsent];
    if (!isDone) refused.push(...(await applied(session, rows, unsent.length, options)));
    failpoint("database-applied");
    await session.commit(rows.batch, refused);
    failpoint("database-committed");
    return refused;
  };
  const cut = async (): Promise<void> => {
    await session?.close(false);
    session = undefined;
  };
  const writeAll = async (rows: NetRows): Promise<readonly Refusal[]> => {
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)) {
      try {
        const refused = await attempt(rows);
        life.isWell();
        return refused;
      } catch (error) {
        await cut();
        life.check();
        if (!(error instanceof StreamkitError) || !error.retryable) throw error;
        life.isBad(messageOf(error));
        await clock.sleep(delayMs * (0.5 + random() / 2), stop);
        life.check();
      }
    }
  };
  return {
    ...found,
    write: (rows) => life.orGiveUp(rows.batch, writeAll(rows), cut),
    async close({ forgetsMark }) {
      // What can't be forgotten now is in nobody's way.
      if (forgetsMark) await session?.forgetMark().catch(() => undefined);
      await session?.close(true);
    },
  };
}

async function openedWithMarks(target: Target) {
  const opened = await target.connect();
  try {
    return { opened, mark: await opened.mark(), hasOtherMarks: await opened.hasOtherMarks() };
  } catch (error) {
    await opened.close(false);
    throw error;
  }
}

/** All staged rows, in halves where some are refused. */
async function applied(
  session: Session,
  rows: NetRows,
  alreadyRefused: number,
  options: BatchWriterOptions,
): Promise<readonly Refusal[]> {
  const refused: Refusal[] = [];
  const waiting: Range[] = [{ first: 1, last: rows.count }];
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const { first, last } = range;
    try {
      await session.apply(range, rows);
    } catch (error) {
      if (!(error instanceof RefusedRows)) throw error;
      if (first < last) {
        const middle = Math.floor((first + last) / 2);
        waiting.push({ first: middle + 1, last }, { first, last: middle });
        continue;
      }
      refused.push({ n: first, reason: error.message });
      refuse(refused, alreadyRefused, options);
    }
  }
  return refused;
}

/** Rows that can't be sent at all, and are not staged. */
async function unsendable(rows: NetRows, options: BatchWriterOptions): Promise<readonly Refusal[]> {
  const { unsendable: reason } = options.target;
  if (reason === undefined) return [];
  const found = await rows.database.rows(sql`SELECT * FROM (SELECT ${NUMBER} AS n, ${reason} AS reason
    FROM (${rows.rows})) WHERE reason IS NOT NULL LIMIT ${MAX_REFUSED_ROWS + 1}`);
  const refused = found.map(({ n, reason: why }) => ({ n: Number(n), reason: String(why) }));
  refuse(refused, 0, options);
  return refused;
}

/** Throws where the job is to stop for these. */
function refuse(refused: readonly Refusal[], more: number, { onError, target }: BatchWriterOptions): void {
  const [first] = refused;
  if (first === undefined) return;
  if (onError === "stop")
    throw new StreamkitError(
      "input",
      `${target.name} refuses row ${first.n} of the batch: ${first.reason}. With on_error: dead_letter ` +
        "it would be put aside",
      { component: "database" },
    );
  if (refused.length + more > MAX_REFUSED_ROWS)
    throw new StreamkitError(
      "io",
      `${target.name} refuses more than ${counted(MAX_REFUSED_ROWS, "row")} of one batch, the first with: ` +
        first.reason,
      { component: "database" },
    );
}
