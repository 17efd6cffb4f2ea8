/** A job takes up a checkpoint, or is refused with what does not fit and what can be done. */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Database } from "../duckdb/database.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  checkCompatibility,
  type Planned,
  queriesKeptOtherwise,
  queriesToldAnew,
  type SavedPlan,
  type StateMismatch,
  savedPlan,
} from "./state-compatibility.ts";

/**
 * Drops the state of queries that begin anew or are gone, and notes what the rest belongs to. Throws code
 * `job` where a state does not fit, code `usage` where a reset names no query; the checkpoint is then as it
 * was.
 */
export async function adoptPlan(
  database: Database,
  checkpoint: Checkpoint,
  planned: Planned,
  resets: readonly string[],
): Promise<void> {
  const names = planned.queries.map(({ output }) => output.name);
  const stranger = resets.find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw new StreamkitError(
      "usage",
      `--reset names a query of the job: found "${stranger}", expected one of ${names.join(", ")}`,
    );
  if (!checkpoint.isDurable) {
    if (resets.length === 0) return;
    throw new StreamkitError("usage", "--reset needs a checkpoint: this job keeps its state in memory");
  }
  const plan = await savedPlan(database, planned);
  const { progress, savedPlan: was } = checkpoint;
  const nextBatch = (progress?.batch ?? 0) + 1;
  if (progress !== undefined && was === undefined)
    logger("engine").info("The checkpoint does not say what its state belongs to: it is taken as it is");
  // Without a commit there is no state yet, whatever was planned.
  const resumed = Object.entries(progress?.sources ?? {}).flatMap(([name, { position }]) =>
    position === undefined ? [] : [name],
  );
  const { misfits, dropped } = checkCompatibility(was ?? plan, plan, { resumed, resets });
  const [first] = progress === undefined ? [] : misfits;
  if (first !== undefined) {
    const part = first.name.startsWith("source ") ? "sources" : "queries";
    throw planned.job.errorAt([part, first.name.replace(/^source /, "")], refusalOf(misfits));
  }
  const gone = progress === undefined ? Object.keys(was?.queries ?? {}) : dropped;
  const tables = gone.flatMap((name) => was?.queries[name]?.states.map(({ table }) => table) ?? []);
  // A batch under way is run as it was planned: sinks may have it from the text before.
  const firstOfText = checkpoint.pendingPlan === undefined ? nextBatch : nextBatch + 1;
  const whole =
    was === undefined ? new Map<string, number>() : wholeAnswers(was, plan, nextBatch, firstOfText);
  for (const query of planned.queries) {
    const batch = whole.get(query.output.name);
    if (batch !== undefined) query.tellWhole?.(batch);
  }
  await checkpoint.adopt(withWhole(plan, whole), tables);
  if (progress === undefined) return;
  for (const name of dropped)
    logger("engine").info(
      `The state of ${name} is dropped${resets.includes(name) ? ": it begins anew" : ""}`,
    );
}

/** By query, the batch that gives out its whole answer: also where it was not committed yet. */
function wholeAnswers(
  was: SavedPlan,
  plan: SavedPlan,
  nextBatch: number,
  firstOfText: number,
): ReadonlyMap<string, number> {
  const due = Object.entries(was.queries).flatMap(([name, { wholeIn = 0 }]): [string, number][] =>
    wholeIn >= nextBatch ? [[name, wholeIn]] : [],
  );
  const changed = queriesToldAnew(was, plan).map((name): [string, number] => [name, firstOfText]);
  return new Map([...due, ...changed]);
}

function withWhole(plan: SavedPlan, whole: ReadonlyMap<string, number>): SavedPlan {
  const queries = Object.entries(plan.queries).map(([name, query]) => {
    const wholeIn = whole.get(name);
    return [name, wholeIn === undefined ? query : { ...query, wholeIn }] as const;
  });
  return { ...plan, queries: Object.fromEntries(queries) };
}

/** Queries that are what they were, but whose state a former version has made in another way. */
export async function madeOtherwise(
  database: Database,
  checkpoint: Checkpoint,
  planned: Planned,
): Promise<readonly string[]> {
  const { progress, savedPlan: was } = checkpoint;
  if (progress === undefined || was === undefined) return [];
  return queriesKeptOtherwise(was, await savedPlan(database, planned));
}

function refusalOf(misfits: readonly StateMismatch[]): string {
  const lines = misfits.flatMap(({ name, reason, differences }) => [
    `  ${name}: ${reason}`,
    ...differences.flatMap(({ what, was, is }) => [
      `    ${what}`,
      `      was: ${oneLine(was)}`,
      `      is:  ${oneLine(is)}`,
    ]),
  ]);
  const resets = misfits.filter(({ canReset }) => canReset).map(({ name }) => `--reset ${name}`);
  const sources = misfits.filter(({ canReset }) => !canReset);
  const ways = [
    "put back what it was",
    ...(resets.length > 0 ? [`begin anew from here on with ${resets.join(" ")}`] : []),
    ...(sources.length > 0 ? ["give the source another name, and it is read from its start"] : []),
    "take a new --checkpoint, which reads everything again",
  ];
  return [
    "the checkpoint does not fit this job, and was left as it is",
    ...lines,
    `  Ways out: ${ways.join("; or ")}`,
  ].join("\n");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
