/** What the API tells of the job's parts: sources, queries and sinks, dead letters by reason, late rows. */

import type { ComponentChildren } from "preact";
import { compactText, countText, durationText, timeText } from "./format.ts";
import { usePolled } from "./polled.ts";

interface Graph {
  readonly nodes: readonly {
    readonly id: string;
    readonly kind: string;
    readonly name: string;
    readonly type: string;
    readonly sql?: string;
    readonly rowsPerSecond: number | null;
    readonly lateRows: number;
    readonly deadLetters: number;
  }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export function GraphTable() {
  const graph = usePolled<Graph>("/api/v1/graph").value;
  if (graph === undefined || graph.nodes.length === 0) return null;
  const readersOf = (id: string): string =>
    graph.edges
      .filter(({ from }) => from === id)
      .map(({ to }) => graph.nodes.find((node) => node.id === to)?.name ?? to)
      .join(", ");
  return (
    <Table
      title="Pipeline"
      columns={["Part", "Name", "Kind", "Goes to", "Rows/s", "Late", "Dead letters"]}
      figures={4}
      rows={graph.nodes.map((node) => ({
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
      }))}
    />
  );
}

interface Letters {
  readonly letters: readonly {
    readonly source: string | null;
    readonly query: string | null;
    readonly count: number;
    readonly reason: string;
    readonly origin: string | null;
    readonly byteOffset: number | null;
    readonly line: string | null;
  }[];
}

export function LetterTable() {
  const letters = usePolled<Letters>("/api/v1/dead-letters").value?.letters ?? [];
  if (letters.length === 0) return null;
  return (
    <Table
      title="Dead letters"
      columns={["Of", "Reason", "Place", "Line", "Count"]}
      figures={4}
      rows={letters.map(({ source, query, count, reason, origin, byteOffset, line }, index) => ({
        key: String(index),
        title: line ?? "",
        cells: [
          query ?? source ?? "–",
          reason,
          origin === null ? "–" : `${origin}${byteOffset === null ? "" : `, byte ${countText(byteOffset)}`}`,
          line ?? "–",
          countText(count),
        ],
      }))}
    />
  );
}

interface Late {
  readonly late: readonly {
    readonly source: string;
    readonly rows: number;
    readonly earliestMs: number;
    readonly watermarkMs: number;
    readonly delayMs: number;
    readonly leftOutOf: readonly string[];
  }[];
}

export function LateTable() {
  const late = usePolled<Late>("/api/v1/late").value?.late ?? [];
  if (late.length === 0) return null;
  return (
    <Table
      title="Late rows"
      columns={["Source", "Left out of", "Earliest (UTC)", "Watermark (UTC)", "Its delay", "Rows"]}
      figures={5}
      rows={late.map(({ source, rows, earliestMs, watermarkMs, delayMs, leftOutOf }) => ({
        key: source,
        title: "",
        cells: [
          source,
          leftOutOf.join(", "),
          timeText(earliestMs),
          timeText(watermarkMs),
          durationText(delayMs),
          countText(rows),
        ],
      }))}
    />
  );
}

/** Columns from `figures` on are numbers. */
function Table(props: {
  title: string;
  columns: readonly string[];
  figures: number;
  rows: readonly {
    readonly key: string;
    readonly title: string;
    readonly cells: readonly ComponentChildren[];
  }[];
}) {
  const { title, columns, figures, rows } = props;
  const look = (index: number): string => (index >= figures ? "figure num" : "");
  return (
    <section class="card" aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        <span class="muted num">{countText(rows.length)}</span>
      </header>
      <div class="rows-scroll">
        <table class="rows" aria-label={title}>
          <thead>
            <tr>
              {columns.map((name, index) => (
                <th key={name} scope="col" class={look(index)}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ key, title: hint, cells }) => (
              <tr key={key} title={hint}>
                {cells.map((cell, index) => (
                  <td key={columns[index]} class={look(index)}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
