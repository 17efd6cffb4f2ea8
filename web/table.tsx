/** A table of rows: columns of figures stand on the right. */

import type { ComponentChildren } from "preact";

export interface TableColumn {
  readonly name: string;
  readonly isFigure: boolean;
  /** Shown when the pointer rests on the head. */
  readonly title?: string;
}

export interface TableRow {
  readonly key: string | number;
  readonly cells: readonly ComponentChildren[];
  /** Shown when the pointer rests on the row. */
  readonly title?: string;
  /** Which cells, by index, should catch the eye. */
  readonly bad?: readonly number[];
}

export function Table(props: { label: string; columns: readonly TableColumn[]; rows: readonly TableRow[] }) {
  const { label, columns, rows } = props;
  return (
    <div class="rows-scroll">
      <table class="rows" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ name, isFigure, title }) => (
              <th key={name} class={isFigure ? "figure" : ""} scope="col" title={title}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells, title, bad = [] }) => (
            <tr key={key} title={title}>
              {columns.map(({ name, isFigure }, index) => (
                <td key={name} class={`num${isFigure ? " figure" : ""}${bad.includes(index) ? " bad" : ""}`}>
                  {cells[index]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The table as a part of the page, with its title and how many rows it has. */
export function TableCard(props: {
  title: string;
  note: string;
  label?: string;
  columns: readonly TableColumn[];
  rows: readonly TableRow[];
}) {
  const { title, note, label = title, columns, rows } = props;
  return (
    <section class="card" aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        <span class="muted num">{note}</span>
      </header>
      <Table label={label} columns={columns} rows={rows} />
    </section>
  );
}

/** Columns by their names; those that end in `#` are figures, and are called without it. */
export function columnsOf(names: readonly string[]): readonly TableColumn[] {
  return names.map((name) => ({ name: name.replace(/#$/, ""), isFigure: name.endsWith("#") }));
}
