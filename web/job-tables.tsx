/** What the API tells of the job's parts: sources, queries and sinks, dead letters by reason, late rows. */

import type { GraphNode, JobGraph, LateCount, LetterCount } from "../src/server/protocol.ts";
import { compactText, countText, durationText, timeText } from "./format.ts";
import { usePolled } from "./polled.ts";
import { columnsOf, TableCard } from "./table.tsx";

interface Graph {
  readonly nodes: readonly (GraphNode & {
    readonly rowsPerSecond: number | null;
    readonly lateRows: number;
    readonly deadLetters: number;
  })[];
  readonly edges: JobGraph["edges"];
}

const PART_COLUMNS = columnsOf(["Part", "Name", "Kind", "Goes to", "Rows/s#", "Late#", "Dead letters#"]);

export function GraphTable() {
  const graph = usePolled<Graph>("/api/v1/graph").value;
  if (graph === undefined || graph.nodes.length === 0) return null;
  const readersOf = (id: string): string =>
    graph.edges
      .filter(({ from }) => from === id)
      .map(({ to }) => graph.nodes.find((node) => node.id === to)?.name ?? to)
      .join(", ");
  const rows = graph.nodes.map((node) => ({
    key: node.id,
    title: node.sql ?? "",
    cells: [
      node.kind.replace("_", " "),
      node.name,
      node.type,
      readersOf(node.id),
      node.rowsPerSecond === null ? "–" : compactText(Math.round(node.rowsPerSecond)),
      countText(node.lateRows),
      countText(node.deadLetters),
    ],
  }));
  return <TableCard title="Pipeline" note={countText(rows.length)} columns={PART_COLUMNS} rows={rows} />;
}

const LETTER_COLUMNS = columnsOf(["Of", "Reason", "Place", "Line", "Count#"]);

export function LetterTable() {
  const letters = usePolled<{ letters: readonly LetterCount[] }>("/api/v1/dead-letters").value?.letters ?? [];
  if (letters.length === 0) return null;
  const rows = letters.map(({ source, query, count, reason, origin, byteOffset, line }, index) => ({
    key: index,
    title: line ?? "",
    cells: [
      query ?? source ?? "–",
      reason,
      origin === null ? "–" : `${origin}${byteOffset === null ? "" : `, byte ${countText(byteOffset)}`}`,
      line ?? "–",
      countText(count),
    ],
  }));
  return (
    <TableCard title="Dead letters" note={countText(rows.length)} columns={LETTER_COLUMNS} rows={rows} />
  );
}

const LATE_COLUMNS = columnsOf([
  "Source",
  "Left out of",
  "Earliest (UTC)",
  "Watermark (UTC)",
  "Its delay#",
  "Rows#",
]);

export function LateTable() {
  const late = usePolled<{ late: readonly LateCount[] }>("/api/v1/late").value?.late ?? [];
  if (late.length === 0) return null;
  const rows = late.map((of) => ({
    key: of.source,
    cells: [
      of.source,
      of.leftOutOf.join(", "),
      timeText(of.earliestMs),
      timeText(of.watermarkMs),
      durationText(of.delayMs),
      countText(of.rows),
    ],
  }));
  return <TableCard title="Late rows" note={countText(rows.length)} columns={LATE_COLUMNS} rows={rows} />;
}
