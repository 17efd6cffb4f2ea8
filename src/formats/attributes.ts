/**
 * Attributes: what is known of each line of a segment beside its text, like a message's key. They stand in a
 * CSV file of their own, a line for each line, and become columns of the record by their position.
 */

import { readFile, writeFile } from "node:fs/promises";
import type { Column } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { MAX_LINE_BYTES } from "./json.ts";

/** None of the segment's lines is blank, where blank lines are no records, but comments. */
export interface Attributes {
  /**
   * A CSV file without a header: one line for each record of the segment. Texts are quoted, and what is empty
   * and not quoted is NULL.
   */
  readonly path: string;
  /** The longest of its lines, where that is more than two of `MAX_LINE_BYTES`. */
  readonly maxLineBytes?: number | undefined;
  /** The file's columns, in order. */
  readonly columns: readonly AttributeColumn[];
}

export interface AttributeColumn extends Column {
  /** The type to read; `type` if left out. */
  readonly fileType?: string;
  /** From what was read to the column's value. */
  readonly value?: (read: Sql) => Sql;
}

/** ` POSITIONAL JOIN (…)`, to stand behind a record's rows; empty where there is nothing beside them. */
export function attributeJoin(attributes: Attributes | undefined): Sql {
  if (attributes === undefined) return raw("");
  const { path, columns, maxLineBytes = 2 * MAX_LINE_BYTES } = attributes;
  const types = stringStruct(columns.map(({ name, type, fileType }) => [name, fileType ?? type]));
  const values = columns.map(({ name, value }) => sql`${value?.(id(name)) ?? id(name)} AS ${id(name)}`);
  return sql` POSITIONAL JOIN (SELECT ${values} FROM read_csv(${path}, auto_detect = false, header = false,
    columns = ${types}, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false,
    strict_mode = true, max_line_size = ${maxLineBytes}))`;
}

export interface AttributesApart {
  readonly attributes: Attributes;
  /** Makes the file hold the attributes of these records, which are counted from the segment's first. */
  write(records: readonly number[]): Promise<void>;
}

const LINE_FEED = 10;

/** The attributes of single records, by their numbers, in a file of its own at `path`. */
export async function attributesApart(
  attributes: Attributes | undefined,
  path: string,
): Promise<AttributesApart | undefined> {
  if (attributes === undefined) return undefined;
  const bytes = await readFile(attributes.path);
  const ends = lineEnds(bytes);
  const lineAt = (record: number): Buffer => bytes.subarray(ends[record - 1] ?? 0, ends[record]);
  return {
    attributes: { ...attributes, path },
    write: (records) => writeFile(path, Buffer.concat(records.map(lineAt))),
  };
}

/** Where each line ends, its line feed included. */
function lineEnds(bytes: Buffer): Float64Array {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  const ends = new Float64Array(count);
  let next = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    ends[next] = at + 1;
    next += 1;
  }
  return ends;
}
