/** Tries the formats on a sample, with the readers that a job has. */

import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../../base/error.ts";
import { temporaryFolder } from "../../base/temporary-folder.ts";
import { type Column, type Database, openDatabase } from "../../duckdb/database.ts";
import { id, raw, sql } from "../../duckdb/sql.ts";
import { firstLetter } from "../../formats/dead-letters.ts";
import { inferColumns } from "../../formats/infer.ts";
import { rowJson } from "../../formats/json-rows.ts";
import { formatFor } from "../../formats/list.ts";
import { readSegment } from "../../formats/read-segment.ts";
import { headerOf } from "../../sources/header.ts";
import type { Sample } from "./sample.ts";

/** How well a format fits. */
export interface Guess {
  readonly format: string;
  /** Of format csv, where it is no comma. */
  readonly delimiter: string | undefined;
  readonly fitting: number;
  /** Lines that are records or should be: not blank ones, comments and headers. */
  readonly records: number;
  readonly columns: readonly Column[];
  /** The first rows, as JSON. */
  readonly rows: readonly string[];
  /** Why the first line does not fit that does not. */
  readonly misfit: string | undefined;
}

/**
 * Of formats that fit equally well, the first one is meant: it takes more of a line apart than those behind
 * it.
 */
const CANDIDATES =
  "caddy traefik alb traefik_clf vhost_combined main combined common cloudfront iis w3c syslog json logfmt";
/** They take any keys and values: one that knows what they mean is meant, where nearly all lines fit it. */
const GENERAL: ReadonlySet<string> = new Set(["json", "logfmt", "csv"]);
const NEARLY_ALL = 0.9;
const DELIMITERS = [",", ";", "\t", "|"];
const ROWS_SHOWN = 3;

/** Those that at least one line fits, the best first. */
export async function guess(sample: Sample): Promise<readonly Guess[]> {
  const folder = await temporaryFolder("formats");
  const database = await openDatabase();
  try {
    const found: Guess[] = [];
    for (const format of CANDIDATES.split(" ").filter((name) => isPossible(name, sample)))
      found.push(...(await tried(database, folder, sample, format, undefined)));
    for (const delimiter of DELIMITERS)
      found.push(...(await tried(database, folder, sample, "csv", delimiter)));
    const share = ({ format, fitting, records }: Guess): number =>
      fitting / records >= NEARLY_ALL && !GENERAL.has(format) ? 1 : fitting / records;
    // Sorting is stable: the order of the candidates stays where shares are equal.
    return found.filter(({ fitting }) => fitting > 0).toSorted((a, b) => share(b) - share(a));
  } finally {
    database.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** W3C's formats differ only in what they do without `#Fields`, and with it in their columns. */
function isPossible(format: string, { bytes }: Sample): boolean {
  const fields = /^#Fields:.*$/m.exec(bytes.toString("latin1"))?.[0];
  switch (format) {
    case "cloudfront":
      return fields?.includes("x-edge-") === true || (fields === undefined && bytes.includes("\t"));
    case "iis":
      return fields?.includes("sc-win32-status") !== false;
    case "w3c":
      return fields !== undefined;
    default:
      return true;
  }
}

/** A list of one, or of none where the format can't be. */
async function tried(
  database: Database,
  folder: string,
  sample: Sample,
  name: string,
  delimiter: string | undefined,
): Promise<readonly Guess[]> {
  const format = formatFor(name, {});
  const header = delimiter === undefined ? undefined : headerOf(sample.bytes, delimiter, "the sample");
  // One column is what every text has.
  if (header !== undefined && (header.names.length < 2 || new Set(header.names).size < header.names.length))
    return [];
  const file = path.join(folder, "sample");
  await writeFile(file, sample.bytes.subarray(header?.sizeBytes ?? 0));
  const segment = {
    path: file,
    sizeBytes: sample.bytes.length,
    pieces: [{ origin: "sample", originOffset: 0, segmentOffset: 0 }],
    header: header?.names,
  };
  try {
    const shape = { header: header?.names, delimiter: delimiter ?? ",", pattern: undefined };
    const looked = {
      parts: [
        {
          spots: [sample.bytes.subarray(header?.sizeBytes ?? 0)],
          header: header?.names,
          delimiter: shape.delimiter,
        },
      ],
      isWhole: true,
    };
    const columns =
      format.columnsInInput === true
        ? (await inferColumns(database, looked, { format: name, path: file, time: undefined }))?.columns
        : format.columns({ ...shape, columns: [] });
    if (columns === undefined || columns.length === 0) return [];
    const reading = { format, shape: { ...shape, columns }, select: raw("*") };
    const count = sql`SELECT count(*) AS rows FROM tried`;
    const { figures, deadLetters } = await readSegment(database, segment, reading, "tried", count);
    const fitting = Number(figures["rows"]);
    return [
      {
        format: name,
        delimiter: delimiter === "," ? undefined : delimiter,
        fitting,
        records: fitting + deadLetters.count,
        columns,
        rows: await firstRows(database),
        misfit: (await firstLetter(database, deadLetters))?.reason,
      },
    ];
  } catch (error) {
    // No schema is found in what has another format.
    if (error instanceof StreamkitError && error.code !== "bug") return [];
    throw error;
  }
}

async function firstRows(database: Database): Promise<readonly string[]> {
  const columns = await database.describe(sql`FROM ${id("tried")}`);
  const rows = await database.rows(sql`SELECT ${rowJson(columns)} AS json FROM tried LIMIT ${ROWS_SHOWN}`);
  return rows.map(({ json }) => String(json));
}
