/** A job's plan in words. */

import type { Clock } from "../base/clock.ts";
import { withoutUrlSecrets } from "../base/redact.ts";
import { durationText } from "../base/units.ts";
import { openDatabase } from "../duckdb/database.ts";
import { formatOf } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import type { PlannedQuery } from "../operators/query.ts";
import { resolveSink } from "../sinks/list.ts";
import { sinkWarnings } from "./outputs.ts";
import { planForCheck } from "./prepare.ts";
import { sharingOf } from "./shared-sources.ts";

/**
 * Throws code `job` where the job is wrong. Opens no source, sink or checkpoint; reads files only to find
 * schemas.
 */
export async function explainJob(
  job: LoadedJob,
  given: { readonly clock: Clock; readonly freshSeed: () => number },
): Promise<string> {
  const database = await openDatabase();
  try {
    const { shapes, queries, outputs } = await planForCheck(job, database, given);
    const sharedBy = sharingOf(job)?.sharing.by;
    const sources = shapes.map(({ name, received, guard, stream: { columns, times } }) => {
      const config = job.config.sources[name];
      const time = [...times.keys()][0];
      return section(`source ${name}`, [
        ["reads", `${endpointOf(config?.from)} as ${config === undefined ? "" : formatOf(config).name}`],
        ["columns", columns.map((column) => `${column.name} ${column.type}`).join(", ")],
        [
          "event time",
          time === undefined
            ? "none: windows over it are not possible"
            : `${time}${time === received ? ", the clock when a batch is planned" : ""}, ` +
              `watermark ${durationText(config?.watermark ?? 0)} behind the highest`,
        ],
        ...(sharedBy === undefined
          ? []
          : [["shared", `by ${sharedBy.join(", ")}: each process reads some partitions`] as const]),
        ...(received === undefined || time === received
          ? []
          : [["clock", `${received}, when the batch that takes a row is planned`] as const]),
        ...(guard === undefined || time === received
          ? []
          : [["at most", `${durationText(guard.maxAheadMs)} ahead of the clock`] as const]),
      ]);
    });
    const warnings = await sinkWarnings(database, job.config.sinks, outputs);
    const sinks = job.config.sinks.map((sink, index) => {
      const title = `sink ${sink.from} → ${resolveSink(sink).kind.name}`;
      const facts = (warnings[index] ?? []).map((warning) => ["beware", warning] as const);
      return section(`${title}${sink.to === undefined ? "" : ` ${sink.to}`}`, facts);
    });
    const parts = [`job ${job.config.name}\n`, ...sources, ...queries.map(explainQuery)];
    const text = [...parts, ...(sinks.length > 0 ? [sinks.join("")] : []), "OK\n"].join("\n");
    return withoutUrlSecrets(job.withoutSecrets(text));
  } finally {
    database.close();
  }
}

function endpointOf(from: unknown): string {
  return typeof from === "string" ? from : Object.keys(from ?? {}).join(", ");
}

const ON_ERROR = {
  dead_letter: "dead_letter: rows that it fails on are put aside",
  stop: "stop: the job ends at the first row that it fails on",
  null: "null: what fails for a row is NULL",
};

function explainQuery(query: PlannedQuery): string {
  const { output, key, reads, explanation, sharedBecause, warnings, onError } = query;
  return section(`query ${output.name}`, [
    ["reads", [...new Set(reads)].join(", ")],
    ["mode", `${output.mode}${key.length > 0 ? `, by ${key.join(", ")}` : ""}`],
    ["columns", output.columns.map((column) => `${column.name} ${column.type}`).join(", ")],
    ["event time", [...output.times.keys()].join(", ") || "none"],
    ["execution", explanation.execution],
    ["state", explanation.state],
    ["kept until", explanation.until],
    ["because", explanation.why],
    ["on_error", ON_ERROR[onError ?? "null"]],
    ...(sharedBecause === undefined ? [] : [["shared", sharedBecause] as const]),
    ...warnings.map((warning) => ["beware", warning] as const),
  ]);
}

function section(title: string, facts: readonly (readonly [name: string, value: string])[]): string {
  return `${title}\n${facts.map(([name, value]) => `  ${name.padEnd(11)} ${value}\n`).join("")}`;
}
