/**
 * Whether several processes may share a job's input, each with some partitions of it and a state of its own:
 * only if each query's answer splits by the columns that decide a record's partition. Then the answers of the
 * partitions, put together, are the answer over all.
 */

import type { Database } from "../duckdb/database.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import { withoutCtes } from "../sql/lineage.ts";
import { type PartitioningKey, partitioningOf } from "../sql/partitioning-keys.ts";
import { whyNotRowWise } from "../sql/query-analysis.ts";
import { refusal } from "../sql/refusals.ts";
import { withResolvedNames } from "../sql/resolved-names.ts";
import { numberScans } from "../sql/scan-numbering.ts";
import type { Stream } from "../sql/stream.ts";
import type { Catalog } from "../sql/syntax-facts.ts";

/** By a stream's column in lower case: which of the columns that decide the partition it holds, by number. */
export type KeyParts = ReadonlyMap<string, number>;

export interface SharedQuery {
  readonly select: TreeNode;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly catalog: Catalog;
  /** By stream. */
  readonly parts: ReadonlyMap<string, KeyParts>;
  /** The columns that decide the partition. */
  readonly key: readonly string[];
}

export interface QuerySharing {
  /** What the query's answer holds of the key. */
  readonly parts: KeyParts;
  /** For a person: by which columns its answer splits as the partitions do. */
  readonly why: string;
}

/** Throws code `job` where the query mixes partitions. */
export async function sharingOfQuery(
  database: Database,
  { select, streams, catalog, parts, key }: SharedQuery,
): Promise<QuerySharing> {
  const flat = await withResolvedNames(database, withoutCtes(select, catalog));
  const { tree, scans } = numberScans(flat, catalog);
  const partOf = (scan: number, column: string | undefined): number | undefined =>
    column === undefined ? undefined : parts.get(scans[scan]?.stream ?? "")?.get(column);
  const splitColumns = (scan: number): ReadonlyMap<string, string> => {
    const { stream } = scans[scan] ?? { stream: "" };
    const held = parts.get(stream) ?? new Map<string, number>();
    const columns = streams.get(stream)?.columns ?? [];
    return new Map(
      columns.flatMap(({ name, type }) => (held.has(name.toLowerCase()) ? [[name.toLowerCase(), type]] : [])),
    );
  };
  const locality = partitioningOf(tree, splitColumns, catalog);
  const isOfPart = (split: PartitioningKey, part: number): boolean =>
    scans.every((_, scan) => partOf(scan, split.get(scan)) === part);
  const hasSessions = scans.some(({ window }) => window?.kind === "session");
  const isRowWise = whyNotRowWise(tree, catalog) === undefined && !hasSessions;
  const splits = key.map((_, part) => locality.keys.find((split) => isOfPart(split, part)));
  const missing = key.find((_, part) => splits[part] === undefined);
  if (missing !== undefined && !isRowWise)
    throw refusal(
      `its source is shared by ${key.join(", ")}, and its answer does not split by ${missing}: ` +
        "each process sees some partitions only",
      `add ${missing} to its GROUP BY, PARTITION BY or join, or take share out of the source`,
    );
  const held = [...locality.lineages].flatMap(([column, carried]): (readonly [string, number])[] => {
    const part = key.findIndex((_, number) => carried.some((split) => isOfPart(split, number)));
    return part < 0 ? [] : [[column, part]];
  });
  return {
    parts: new Map(held),
    why: isRowWise
      ? "each of its rows comes from one row alone, in whichever partition that is"
      : `its answer splits by ${splits.map((split) => placesOf(split, scans)).join(" and ")}, ` +
        "and rows of one value are in one partition",
  };
}

/** `ticks.symbol`; of a join `ticks.symbol = trades.name`. */
function placesOf(split: PartitioningKey | undefined, scans: readonly { readonly stream: string }[]): string {
  const places = scans.flatMap(({ stream }, scan) => {
    const column = split?.get(scan);
    return column === undefined ? [] : [`${stream}.${column}`];
  });
  return [...new Set(places)].join(" = ");
}
