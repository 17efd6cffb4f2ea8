/** The latest rows of every query that is no candle query, as a table that moves. */

import { computed, signal } from "@preact/signals";
import { candleColumns } from "../src/server/candles.ts";
import { plainText, type Values } from "../src/server/protocol.ts";
import type { LiveTable } from "../src/server/state.ts";
import { countText } from "./format.ts";
import { liveState, revision } from "./live.ts";
import { Segments } from "./segments.tsx";
import { ValueTable } from "./value-table.tsx";

const MAX_ROWS = 100;

const wantedQuery = signal<string | undefined>(undefined);

export const otherTables = computed<readonly LiveTable[]>(() => {
  void revision.value;
  return [...liveState().tables.values()].filter((table) => candleColumns(table.columns) === undefined);
});

export function LiveTables() {
  void revision.value;
  const tables = otherTables.value;
  const table = tables.find(({ query }) => query === wantedQuery.value) ?? tables[0];
  if (table === undefined) return null;
  return (
    <section class="card rows-card" aria-label="Rows">
      <header class="card-head">
        {tables.length === 1 ? (
          <h2>{table.query}</h2>
        ) : (
          <Segments
            label="Query"
            name="query"
            segments={tables.map(({ query }) => ({ id: query, text: query }))}
            chosen={table.query}
            choose={(query) => {
              wantedQuery.value = query;
            }}
          />
        )}
        <span class="muted num">
          {countText(table.rows.size)} {table.rows.size === 1 ? "row" : "rows"}
        </span>
      </header>
      <Rows table={table} />
    </section>
  );
}

function Rows({ table }: { table: LiveTable }) {
  const { query, columns } = table;
  return <ValueTable label={`Latest rows of ${query}`} columns={columns} rows={newestFirst(table)} />;
}

/** By window where there is one, otherwise by when they last changed. */
function newestFirst(table: LiveTable): Values[] {
  const at = table.columns.findIndex(({ name }) => name === "window_start");
  const rows = [...table.rows.values()].toReversed();
  if (at === -1) return rows.slice(0, MAX_ROWS);
  const startOf = (row: Values) => plainText(row[at]);
  return rows
    .toSorted((a, b) => (startOf(a) > startOf(b) ? -1 : startOf(a) < startOf(b) ? 1 : 0))
    .slice(0, MAX_ROWS);
}
