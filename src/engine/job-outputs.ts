/** The relations of a job that sinks may read, and those among them that are empty before the first batch. */

import type { SourceReader } from "../ingest/source-reader.ts";
import type { PlannedQuery } from "../operators/query.ts";
import { emptyTable } from "../sql/input.ts";
import { relation, type Stream } from "../sql/stream.ts";
import { deadLetterRelation } from "./dead-letters/batch-letters.ts";
import { DEAD_LETTER_COLUMNS, type Output } from "./outputs.ts";

/** By name, all that sinks may read: streams, queries, dead letters and late rows. */
export function outputsOf(
  streams: readonly Stream[],
  queries: readonly PlannedQuery[],
): ReadonlyMap<string, Output> {
  const outputs: Output[] = [
    ...streams.map((stream): Output => ({ ...stream, relation: stream.name, key: [] })),
    ...queries.map(({ output, key }): Output => ({ ...output, relation: output.name, key })),
    {
      name: "dead_letters",
      relation: relation.deadLetters,
      mode: "append",
      key: [],
      columns: DEAD_LETTER_COLUMNS,
      ...timeless(streams),
    },
    ...streams.map(
      (stream): Output => ({
        ...stream,
        name: `late.${stream.name}`,
        relation: relation.late(stream.name),
        key: [],
        ...timeless([stream]),
      }),
    ),
  ];
  const [only] = streams;
  if (only !== undefined && streams.length === 1)
    outputs.push({
      ...only,
      name: "late",
      relation: relation.late(only.name),
      key: [],
      ...timeless(streams),
    });
  return new Map(outputs.map((output) => [output.name, output]));
}

/** Of rows that keep to no watermark. */
function timeless(streams: readonly Stream[]): Pick<Output, "sources" | "times"> {
  return { sources: streams.map(({ name }) => name), times: new Map() };
}

/** Relations that are there even before a batch made them. */
export function emptyRelations(readers: readonly SourceReader[]) {
  return [
    deadLetterRelation(),
    ...readers.map(({ name, stream }) => emptyTable(relation.late(name), stream.columns)),
  ];
}
