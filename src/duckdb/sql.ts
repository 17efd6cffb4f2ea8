/**
 * The only place that quotes. SQL is built with the `sql` template: a plain value becomes a literal, a `Sql`
 * fragment is inserted as it is, a list of fragments is joined by commas.
 *
 * @example
 * sql`SELECT ${id("odd name")} FROM ${id("t")} WHERE a = ${"it's"}`.text
 * // SELECT "odd name" FROM "t" WHERE a = 'it''s'
 */

export interface Sql {
  readonly text: string;
}

type SqlValue = Sql | readonly Sql[] | string | number | bigint | boolean | null;

export function sql(strings: TemplateStringsArray, ...values: readonly SqlValue[]): Sql {
  let text = strings[0] ?? "";
  values.forEach((value, index) => {
    text += textOf(value) + (strings[index + 1] ?? "");
  });
  return { text };
}

/** An identifier, quoted. Several parts are joined by dots. */
export function id(...parts: readonly string[]): Sql {
  return { text: parts.map((part) => `"${part.replaceAll('"', '""')}"`).join(".") };
}

/** SQL that somebody else vouches for: the user's own, or DuckDB's. */
export function raw(text: string): Sql {
  return { text };
}

export function join(parts: readonly Sql[], separator = ", "): Sql {
  return { text: parts.map((part) => part.text).join(separator) };
}

/** A string literal; where it has a NUL, which would end the statement for DuckDB's parser, an expression. */
export function literal(value: string): Sql {
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  if (!value.includes("\0")) return { text: quoted(value) };
  return { text: `(${value.split("\0").map(quoted).join(" || chr(0) || ")})` };
}

/** `STRUCT_PACK`-free struct literal `{'a': 'x', …}` of string values, as `columns =` options take it. */
export function stringStruct(entries: readonly (readonly [name: string, value: string])[]): Sql {
  return {
    text: `{${entries.map(([name, value]) => `${literal(name).text}: ${literal(value).text}`).join(", ")}}`,
  };
}

/** DuckDB's own value for `'infinity'::TIMESTAMP`, in microseconds: later than every event. */
export const INFINITY_US = 2n ** 63n - 1n;

/** Microseconds since 1970 as a TIMESTAMP; null is earlier than every event. */
export function timestampUs(valueUs: bigint | null): Sql {
  if (valueUs === null) return raw("'-infinity'::TIMESTAMP");
  return raw(valueUs === INFINITY_US ? "'infinity'::TIMESTAMP" : `make_timestamp(${valueUs})`);
}

function textOf(value: SqlValue): string {
  if (value === null) return "NULL";
  switch (typeof value) {
    case "string":
      return literal(value).text;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return "text" in value ? value.text : join(value).text;
  }
}
