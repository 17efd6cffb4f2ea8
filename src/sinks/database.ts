/** What sinks of databases have in common: the batch's net effect, the mark, and rows that are refused. */

import { createHash, randomInt, randomUUID } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { hasNullKey, NUMBER, netRows, OP } from "../databases/net-effect.ts";
import type { Feed, NetRows, Refusal, Target } from "../databases/target.ts";
import { openBatchWriter } from "../databases/write-batch.ts";
import type { Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { lineOf } from "./json-lines.ts";
import type { Sink, SinkBatch, SinkContext } from "./sink.ts";

export const tableFields = {
  table: z.string().min(1).describe("the table: NAME or SCHEMA.NAME"),
  create: z
    .boolean()
    .default(false)
    .describe("true: a table that is not there is made, with a unique index on the query's key"),
  on_error: z
    .enum(["dead_letter", "stop"])
    .default("dead_letter")
    .describe("a row that the database refuses: it becomes a dead letter, or the job stops"),
};

interface DatabasePosition {
  /** The last batch that had rows. */
  readonly written: number;
}

export function feedOf({ input, checkpointId, isDurable, shard, writer }: SinkContext): Feed {
  const { mode, key, columns } = input;
  return {
    mode,
    key,
    columns,
    // Without a checkpoint a mark is of use as long as the process lives.
    checkpoint: isDurable ? checkpointId : `memory ${randomUUID()}`,
    shard: shard === undefined ? "" : `#${shard}`,
    job: writer,
  };
}

export async function openDatabaseSink(
  target: Target,
  context: SinkContext,
  onError: "dead_letter" | "stop",
): Promise<Sink> {
  const { clock, stop, isDurable } = context;
  const writer = await openBatchWriter({
    target,
    clock,
    stop,
    onError,
    random: () => randomInt(1000) / 1000,
  });
  let written = (context.committed as DatabasePosition | undefined)?.written ?? 0;
  let diverted = 0;
  try {
    if (isDurable) refuseOtherStory(writer.mark?.batch, written, target.name, context);
    if (written === 0 && writer.hasOtherMarks)
      logger("database").warn(
        `${target.name} has rows that were written with another checkpoint: they stay, and this one's come ` +
          "in addition",
      );
  } catch (error) {
    await writer.close({ forgetsMark: !isDurable });
    throw error;
  }
  const staged = path.join(context.workingFolder, `copy-${digestOf(target.name)}-${context.shard ?? 0}.tsv`);
  return {
    async write(database, batch) {
      diverted = 0;
      if (batch.rows === 0) return;
      const rows = await netOf(database, batch, context, staged);
      const refused = await writer.write(rows);
      await divert(database, rows, refused, context);
      diverted = refused.length;
      written = batch.id;
    },
    divertedRows: () => diverted,
    position: (): DatabasePosition => ({ written }),
    close: () => writer.close({ forgetsMark: !isDurable }),
  };
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

async function netOf(
  database: Database,
  batch: SinkBatch,
  { input }: SinkContext,
  staged: string,
): Promise<NetRows> {
  const rows = netRows(input, id(batch.relation));
  const facts =
    input.mode === "append"
      ? {}
      : await database.row(sql`SELECT bool_or(${OP} = 'delete') AS deletes,
          bool_or(${hasNullKey(input.key)}) AS nulls FROM (${rows})`);
  return {
    database,
    batch: batch.id,
    rows,
    count: batch.rows,
    hasDeletes: facts["deletes"] === true,
    hasNullKeys: facts["nulls"] === true,
    staged,
  };
}

/** Throws code `io` where checkpoint and database are of different times: one is an older copy. */
function refuseOtherStory(
  mark: number | undefined,
  written: number,
  table: string,
  { committedBatch, plannedBatch }: SinkContext,
): void {
  const refuse = (words: string): StreamkitError =>
    new StreamkitError("io", `${table} ${words}`, { component: "database" });
  if ((mark ?? 0) < written)
    throw refuse(
      `has this checkpoint's batches up to ${mark ?? 0}, but ${written} was written: the database is an ` +
        "older copy. Put the newer one back, or begin with a new checkpoint",
    );
  // The next batch may only be there if it was planned: a copy would plan another one, and skip it.
  if (mark !== undefined && mark > plannedBatch)
    throw refuse(
      `has batch ${mark} of this checkpoint, which itself is at batch ${committedBatch}: it is an older ` +
        "copy. Put the newer one back, or begin with a new one",
    );
}

/** Rows that the database refused, as dead letters of the query. */
async function divert(
  database: Database,
  { rows, batch }: NetRows,
  refused: readonly Refusal[],
  { input, deadLetters }: SinkContext,
): Promise<void> {
  if (refused.length === 0) return;
  const reasons: Sql[] = refused.map(({ n, reason }) => sql`(${n}, ${reason})`);
  const letters = sql`SELECT ${input.query} AS source, NULL AS origin, NULL AS byte_offset,
      ${lineOf(input, batch, "bare")} AS line, r.reason AS reason, ${batch} AS batch
    FROM (${rows}) AS net JOIN (VALUES ${reasons}) AS r (n, reason) ON net.${NUMBER} = r.n
    ORDER BY ${raw("r.n")}`;
  await database.run(insertInto(deadLetters, letters));
}
