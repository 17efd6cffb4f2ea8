/** Values of a query as a table: numbers with all their digits, on the right. */

import { digitsOf } from "../src/base/exact-json.ts";
import type { Column, Values } from "../src/server/protocol.ts";
import { cellText } from "./format.ts";
import { Table } from "./table.tsx";

/** The values of a row are in the order of the columns. */
export function ValueTable(props: { label: string; columns: readonly Column[]; rows: readonly Values[] }) {
  const { label, columns, rows } = props;
  return (
    <Table
      label={label}
      columns={columns.map(({ name, type }, index) => ({
        name,
        title: type,
        isFigure: rows.every((row) => digitsOf(row[index] ?? 0) !== undefined),
      }))}
      rows={rows.map((row, key) => ({
        key,
        cells: columns.map(({ type }, index) => cellText(row[index], type)),
      }))}
    />
  );
}
