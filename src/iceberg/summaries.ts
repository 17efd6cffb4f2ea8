/** What a list of manifests tells of the partitions of many files, put together from that of each. */

import type { PartitionSummary } from "./manifests.ts";
import { type PartitionSpec, resultType } from "./partitions.ts";
import type { IceField } from "./types.ts";
import { compareBounds } from "./values.ts";

export function combined(
  parts: readonly (readonly PartitionSummary[])[],
  spec: PartitionSpec,
  fields: readonly IceField[],
): readonly PartitionSummary[] {
  return spec.fields.map((partition, index): PartitionSummary => {
    const source = fields.find((field) => field.id === partition["source-id"]);
    const type = resultType(partition, source?.type ?? "string");
    const own = parts.flatMap((part) => part[index] ?? []);
    const sorted = (which: "lower_bound" | "upper_bound"): readonly Buffer[] =>
      own.flatMap((one) => one[which] ?? []).toSorted((a, b) => compareBounds(a, b, type));
    return {
      contains_null: own.some((one) => one.contains_null),
      contains_nan: own.some((one) => one.contains_nan === true),
      lower_bound: sorted("lower_bound")[0] ?? null,
      upper_bound: sorted("upper_bound").at(-1) ?? null,
    };
  });
}
