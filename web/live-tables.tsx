/** The latest rows of every query that is no candle query, as a table that moves. */

import { computed, signal } from "@preact/signals";
import { digitsOf } from "../src/base/exact-json.ts";
import { candleColumns } from "../src/server/candles.ts";
import { plainText, type Values } from "../src/server/protocol.ts";
import type { LiveTable } from "../src/server/state.ts";
import { cellText, countText } from "./format.ts";
import { liveState, revision } from "./live.ts";

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
        {tables.length === 1 ? <h2>{table.query}</h2> : <Choice tables={tables} chosen={table} />}
        <span class="muted num">
          {countText(table.rows.size)} {table.rows.size === 1 ? "row" : "rows"}
        </span>
      </header>
      <div class="rows-scroll">
        <Rows table={table} />
      </div>
    </section>
  );
}

function Choice({ tables, chosen }: { tables: readonly LiveTable[]; chosen: LiveTable }) {
  return (
    <fieldset class="segments" aria-label="Query">
      {tables.map(({ query }) => (
        <label key={query}>
          <input
            type="radio"
            name="query"
            checked={query === chosen.query}
            onChange={() => {
              wantedQuery.value = query;
            }}
          />
          <span>{query}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Rows({ table }: { table: LiveTable }) {
  const rows = newestFirst(table);
  const isFigure = table.columns.map((_, index) =>
    rows.every((row) => digitsOf(row[index] ?? 0) !== undefined),
  );
  return (
    <table class="rows" aria-label={`Latest rows of ${table.query}`}>
      <thead>
        <tr>
          {table.columns.map(({ name }, index) => (
            <th key={name} class={isFigure[index] === true ? "figure" : ""} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, rowIndex) => (
          <tr key={rowIndex}>
            {table.columns.map(({ name, type }, index) => (
              <td key={name} class={isFigure[index] === true ? "figure num" : "num"}>
                {cellText(row[index], type)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
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
