/** The types of columns as DuckDB writes them: `STRUCT(a INTEGER, "b c" VARCHAR[])`, taken apart. */

import type { Column } from "./database.ts";

/** The type of a list's or array's elements; undefined where it is none. */
export function elementType(type: string): string | undefined {
  return /^(.+)\[\d*\]$/s.exec(type)?.[1];
}

/** `STRUCT(a INTEGER, "b c" VARCHAR[])` → its fields. */
export function structFields(type: string): Column[] {
  return typeParts(type).map((field) => {
    const match = /^\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.+)$/s.exec(field);
    return { name: (match?.[1] ?? match?.[2] ?? "").replaceAll('""', '"'), type: match?.[3] ?? "VARCHAR" };
  });
}

/**
 * Whether there is a struct in it whose fields have no names, as `(1, 'a')` gives: `STRUCT(INTEGER,
 * VARCHAR)`. No table can have a column of such a type, and its text can't be written in SQL.
 */
export function hasUnnamedStruct(type: string): boolean {
  const inner = elementType(type);
  if (inner !== undefined) return hasUnnamedStruct(inner);
  const kind = /^(STRUCT|MAP|UNION)\(/i.exec(type)?.[1]?.toUpperCase();
  if (kind === undefined) return false;
  if (kind === "MAP") return typeParts(type).some(hasUnnamedStruct);
  if (kind === "STRUCT" && !typeParts(type).every((field) => FIELD_NAME.test(field))) return true;
  return structFields(type).some((field) => hasUnnamedStruct(field.type));
}

/** A name and a blank; a type of several words is none. Names that are types stand in quotes. */
const FIELD_NAME = /^(?:"(?:[^"]|"")*"|(?!TIME(?:STAMP)? WITH TIME ZONE)[^\s"([]+)\s/;

/** What stands between the commas of a nested type: `MAP(VARCHAR, INTEGER)` → its key's and its value's. */
export function typeParts(type: string): readonly string[] {
  const body = type.slice(type.indexOf("(") + 1, -1);
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let start = 0;
  body.split("").forEach((character, index) => {
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "," && depth === 0) {
      parts.push(body.slice(start, index));
      start = index + 1;
    }
  });
  return [...parts, body.slice(start)].map((part) => part.trim());
}
