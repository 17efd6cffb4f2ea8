/** A job as a graph: what its sources give goes through its queries to its sinks. */

import type { PreparedJob } from "../engine/prepare.ts";
import type { LoadedJob } from "../job/load.ts";
import { queryConfig } from "../job/schema.ts";
import { resolveSink } from "../sinks/list.ts";
import { resolveSource } from "../sources/list.ts";
import { isRemote, plainPlaces } from "../warehouse/stores.ts";

export interface GraphNode {
  /** Unlike that of any other node. */
  readonly id: string;
  readonly kind: "source" | "query" | "sink" | "dead_letters" | "late";
  /** As the job names it; that of a sink says what it writes to. */
  readonly name: string;
  /** The kind of a source or a sink, as in "kafka"; the output mode of a query. */
  readonly type: string;
  /** Of a query. */
  readonly sql?: string;
  /** By which `/api/v1/sql` finds what a sink writes. */
  readonly table?: string;
}

interface Edge {
  readonly from: string;
  readonly to: string;
}

export interface JobGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly Edge[];
}

/** No source has a query's name. Without sinks the rows of `leaves` go to standard output. */
export function graphOf(
  { job, queries }: PreparedJob,
  leaves: readonly { readonly name: string }[],
): JobGraph {
  const sources = Object.entries(job.config.sources);
  const nodes: GraphNode[] = sources.map(([name, { from }]) => ({
    id: name,
    kind: "source",
    name,
    type: resolveSource(from).kind.name,
  }));
  const edges: Edge[] = [];
  for (const { output, reads } of queries) {
    const { name, mode } = output;
    const text = job.withoutSecrets(queryConfig(job.config.queries[name] ?? "").sql);
    nodes.push({ id: name, kind: "query", name, type: mode, sql: text });
    for (const from of new Set(reads)) edges.push({ from, to: name });
  }
  for (const [index, { from, type, ...place }] of sinksOf(job, leaves).entries()) {
    if (nodes.every(({ id }) => id !== from)) {
      const kind = from === "dead_letters" ? "dead_letters" : "late";
      nodes.push({ id: from, kind, name: from, type: "append" });
      const late = /^late\.(.+)$/.exec(from)?.[1];
      for (const [source] of sources)
        if (late === undefined || late === source) edges.push({ from: source, to: from });
    }
    // A colon is in no name of a source or a query.
    const id = `sink:${index + 1}`;
    nodes.push({ id, kind: "sink", name: `${from} → ${type}`, type, ...place });
    edges.push({ from, to: id });
  }
  return { nodes, edges };
}

interface SinkPart {
  readonly from: string;
  readonly type: string;
  readonly table?: string;
}

function sinksOf(job: LoadedJob, leaves: readonly { readonly name: string }[]): readonly SinkPart[] {
  const { sinks } = job.config;
  if (sinks.length === 0) return leaves.map(({ name }) => ({ from: name, type: "stdout" }));
  const asked = localWarehouseOf(job);
  return sinks.map((sink) => {
    const isAsked = asked !== undefined && folderOf(sink, job) === asked;
    const type = resolveSink(sink).kind.name;
    return { from: sink.from, type, ...(isAsked ? { table: parquetOf(sink)?.table ?? "" } : {}) };
  });
}

/** The first warehouse that the job writes on this machine, as a folder. */
export function localWarehouseOf(job: LoadedJob): string | undefined {
  return job.config.sinks.map((sink) => folderOf(sink, job)).find((folder) => folder !== undefined);
}

interface ParquetSink {
  readonly from: string;
  readonly parquet?: { readonly warehouse: string; readonly table: string };
}

function folderOf(sink: ParquetSink, { folder }: LoadedJob): string | undefined {
  const warehouse = parquetOf(sink)?.warehouse;
  return warehouse === undefined || isRemote(warehouse) ? undefined : plainPlaces(warehouse, folder)[0];
}

/** What sinks say depends on their kinds: the schema's own type knows their common keys only. */
function parquetOf({ parquet }: ParquetSink): ParquetSink["parquet"] {
  return parquet;
}
