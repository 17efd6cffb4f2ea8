/** How others write the values of a partition column into folders' names, and ours in the same way. */

import { StreamkitError } from "../../base/error.ts";
import { id, type Sql, sql } from "../../duckdb/sql.ts";
import type { Partitioning } from "../partition-columns.ts";

export type Spelling =
  | { readonly kind: "text" }
  /** `2026-01-05` */
  | { readonly kind: "date" }
  /** `1`, `12` */
  | { readonly kind: "integer" }
  /** `01`, `12`: all so wide. */
  | { readonly kind: "padded"; readonly width: number };

export function spellingOf(values: readonly (string | null)[]): Spelling {
  const known = values.filter((value) => value !== null);
  const all = (pattern: RegExp): boolean => known.length > 0 && known.every((value) => pattern.test(value));
  if (all(/^\d{4}-\d\d-\d\d$/)) return { kind: "date" };
  const [width = 0, ...others] = [...new Set(known.map(({ length }) => length))];
  const hasZeros = known.some((value) => /^0\d/.test(value));
  if (hasZeros) return all(/^\d+$/) && others.length === 0 ? { kind: "padded", width } : { kind: "text" };
  return all(/^(?:0|-?[1-9]\d{0,17})$/) ? { kind: "integer" } : { kind: "text" };
}

const TYPES: Readonly<Record<Spelling["kind"], string>> = {
  text: "VARCHAR",
  date: "DATE",
  integer: "BIGINT",
  padded: "VARCHAR",
};

/** Of which types the values can be spelled so; a text that is none makes its row unfit. */
const FITTING: Readonly<Record<Spelling["kind"], RegExp>> = {
  text: /^/,
  date: /^(?:DATE|VARCHAR)$/,
  integer: /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|VARCHAR)$/,
  padded: /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|VARCHAR)$/,
};
const WORDS: Readonly<Record<Spelling["kind"], string>> = {
  text: "texts",
  date: "dates",
  integer: "whole numbers",
  padded: "numbers with leading zeros",
};

/** The same partitions, with values as they are spelled there. Throws code `job` where types can't be. */
export function respelled(partitioning: Partitioning, spellings: readonly Spelling[]): Partitioning {
  const reasons = partitioning.columns.flatMap(({ name, type }, index) => {
    const { kind } = spellings[index] ?? { kind: "text" };
    return FITTING[kind].test(type)
      ? []
      : [`partition ${name}: its values are ${WORDS[kind]}, those of the rows ${type}`];
  });
  if (reasons.length > 0)
    throw new StreamkitError(
      "job",
      `the table was begun by others, and is left as it is: ${reasons.join("; ")}`,
    );
  const expressions = partitioning.expressions.map((value, index) => spelled(value, spellings[index]));
  return {
    ...partitioning,
    expressions,
    columns: partitioning.columns.map((column, index) => {
      const spelling = spellings[index];
      return spelling === undefined ? column : { ...column, type: TYPES[spelling.kind] };
    }),
    items: partitioning.items.map((item, index) => {
      const { name = "" } = partitioning.columns[index] ?? {};
      return expressions[index] === undefined ? item : sql`${expressions[index]} AS ${id(name)}`;
    }),
  };
}

function spelled(value: Sql, spelling: Spelling | undefined): Sql {
  switch (spelling?.kind) {
    case undefined:
      return value;
    case "text":
      return sql`CAST(${value} AS VARCHAR)`;
    case "date":
      return sql`CAST(${value} AS DATE)`;
    case "integer":
      return sql`CAST(${value} AS BIGINT)`;
    case "padded": {
      const text = sql`CAST(CAST(${value} AS BIGINT) AS VARCHAR)`;
      return sql`lpad(${text}, greatest(${spelling.width}, length(${text}))::INTEGER, '0')`;
    }
  }
}
