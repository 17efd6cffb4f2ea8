/** A job's sinks, opened: none before each of their targets is known to be the job's. */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { SinkConfig } from "../job/schema.ts";
import { resolveSink } from "../sinks/list.ts";
import type { Claim, Sink, SinkContext, SinkInput, SinkKind } from "../sinks/sink.ts";
import { CHECKPOINT, relation } from "../sql/stream.ts";
import { type Output, placeOf, plainPlacesOf, type SinkEntries, sinkInputOf } from "./outputs.ts";

export interface OpenSink {
  /** Names the sink's position in the checkpoint: what it is and where it writes. */
  readonly id: string;
  /** The name that the first checkpoints gave it: by its place in the job's list. */
  readonly formerId: string;
  readonly output: Output;
  readonly sink: Sink;
}

export interface SinkRequest extends SinkEntries {
  /** Positions of sinks in the checkpoint. */
  readonly saved: Readonly<Record<string, unknown>>;
  readonly database: Database;
  readonly contextOf: (input: SinkInput) => Omit<
    SinkContext,
    "committed" | "timeColumns" | "state" | "deadLetters" | "claimant"
  > & {
    readonly claimant: Omit<SinkContext["claimant"], "adopts">;
  };
}

/** Opens sinks that `checkSinks` has let through. */
export async function openSinks(request: SinkRequest): Promise<OpenSink[]> {
  const opened: OpenSink[] = [];
  const claims: Claim[] = [];
  const entries = request.sinks.map((config, index) => entryOf(request, config, index));
  try {
    for (const { kind, options, context, keyPath } of entries)
      claims.push(
        await at(request, keyPath, async () => (await kind.claim?.(options, context)) ?? UNCLAIMED),
      );
    for (const claim of claims) await claim.take("opened");
    for (const [index, { kind, options, context, keyPath, ...names }] of entries.entries()) {
      const sink = await at(request, keyPath, () => kind.open(options, context));
      opened.push({ ...names, sink: claimedWith(sink, claims[index] ?? UNCLAIMED) });
    }
  } catch (error) {
    // What went wrong is told, not what then can't be closed.
    for (const { sink } of opened) await sink.close().catch(() => undefined);
    for (const claim of claims.slice(opened.length)) claim.release();
    throw error;
  }
  await warnOfWaiting(request, opened);
  return opened;
}

const UNCLAIMED: Claim = { take: async () => {}, release: () => {} };

function entryOf(request: SinkRequest, config: SinkConfig, index: number) {
  const output = request.outputs.get(config.from);
  if (output === undefined) throw new StreamkitError("bug", `No output ${config.from}`);
  const { kind, options } = resolveSink(config);
  const formerId = formerIdOf(`${config.from}/${kind.name}/`, index, request.saved);
  const sinkId = savedIdOf(kind, placeOf(kind, options), request) ?? formerId;
  const { claimant, ...given } = request.contextOf(sinkInputOf(output));
  const context: SinkContext = {
    ...given,
    claimant: { ...claimant, adopts: config.adopt === true },
    committed: request.saved[sinkId] ?? request.saved[formerId],
    timeColumns: [...output.times.keys()],
    state: (name) => stateTable(name, sinkId),
    deadLetters: id(relation.newLetters),
  };
  return { id: sinkId, formerId, output, kind, options, context, keyPath: ["sinks", index] };
}

/** What is wrong with the job is told at its place in it. */
async function at<T>(
  { errorAt }: SinkRequest,
  keyPath: readonly PropertyKey[],
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof StreamkitError && error.code === "job"
      ? errorAt(keyPath, error.message, error)
      : error;
  }
}

function claimedWith(sink: Sink, claim: Claim): Sink {
  let isTaken = false;
  return {
    ...sink,
    async write(database, batch) {
      if (!isTaken && batch.rows > 0) {
        await claim.take("written");
        isTaken = true;
      }
      await sink.write(database, batch);
    },
    async close() {
      try {
        await sink.close();
      } finally {
        claim.release();
      }
    },
  };
}

/** Rows that wait for a place which the job doesn't write to any more. */
async function warnOfWaiting({ database, saved }: SinkRequest, opened: readonly OpenSink[]): Promise<void> {
  for (const name of Object.keys(saved)) {
    if (opened.some((sink) => sink.id === name || sink.formerId === name)) continue;
    const rowsIn = (count: Sql, table: string): Promise<number> =>
      database.row(sql`SELECT ${count} AS rows FROM ${stateTable(table, name)}`).then(
        ({ rows }) => Number(rows ?? 0),
        () => 0,
      );
    const count = (await rowsIn(raw("count(*)"), "rows")) + (await rowsIn(raw("sum(rows)"), "files"));
    if (count > 0)
      logger("engine").warn(
        `${counted(count, "row")} wait in the checkpoint for ${name}, which is no sink of the job now: ` +
          "they are written when it is one again",
      );
  }
}

function stateTable(name: string, sinkId: string): Sql {
  return id(CHECKPOINT, `sink_${name}_${sinkId}`);
}

/** Where a query had only one sink of a kind, its place in the list says nothing. */
function formerIdOf(prefix: string, index: number, saved: SinkRequest["saved"]): string {
  const candidates = Object.keys(saved).filter((name) => name.startsWith(prefix));
  return candidates.length === 1 && candidates[0] !== undefined ? candidates[0] : `${prefix}${index}`;
}

/** A place has the name in the checkpoint under which it is there first, however the job spells it now. */
function savedIdOf(kind: SinkKind, place: string | undefined, request: SinkRequest): string | undefined {
  const { saved, baseFolder } = request;
  if (place === undefined || Object.hasOwn(saved, place)) return place;
  const plain = new Set(plainPlacesOf(kind, place, baseFolder));
  const isSame = (name: string): boolean =>
    plainPlacesOf(kind, name, baseFolder).some((one) => plain.has(one));
  return Object.keys(saved).find(isSame) ?? place;
}
