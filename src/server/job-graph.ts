/** A job as a graph: what its sources give goes through its queries to its sinks. */

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

export interface JobGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export interface GraphParts {
  readonly sources: readonly { readonly name: string; readonly type: string }[];
  readonly queries: readonly {
    readonly name: string;
    readonly mode: string;
    readonly sql: string;
    readonly reads: readonly string[];
  }[];
  readonly sinks: readonly { readonly from: string; readonly type: string; readonly table?: string }[];
}

/** Sources and queries share their names: no two of a job have the same. */
export function graphOf({ sources, queries, sinks }: GraphParts): JobGraph {
  const nodes: GraphNode[] = [
    ...sources.map(({ name, type }): GraphNode => ({ id: name, kind: "source", name, type })),
    ...queries.map(({ name, mode, sql }): GraphNode => ({ id: name, kind: "query", name, type: mode, sql })),
  ];
  const edges = queries.flatMap(({ name, reads }) => [...new Set(reads)].map((from) => ({ from, to: name })));
  const known = new Set(nodes.map(({ id }) => id));
  for (const [index, { from, type, ...place }] of sinks.entries()) {
    if (!known.has(from)) {
      const kind = from === "dead_letters" ? "dead_letters" : "late";
      nodes.push({ id: from, kind, name: from, type: "append" });
      known.add(from);
      const late = /^late\.(.+)$/.exec(from)?.[1];
      for (const source of sources)
        if (late === undefined || late === source.name) edges.push({ from: source.name, to: from });
    }
    // A colon is in no name of a source or a query.
    const id = `sink:${index + 1}`;
    nodes.push({ id, kind: "sink", name: `${from} → ${type}`, type, ...place });
    edges.push({ from, to: id });
  }
  return { nodes, edges };
}
