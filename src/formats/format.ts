/**
 * Formats: from the bytes of a segment to rows. A format says how DuckDB reads a file of lines;
 * `read-segment.ts` finds the lines that do not fit. A format is one file and one line in `list.ts`.
 */

import type { Column, Database } from "../duckdb/database.ts";
import type { Sql } from "../duckdb/sql.ts";
import type { KeyedColumn } from "./column-names.ts";
import type { StandIns } from "./stand-ins.ts";

/** What a source says about its lines. */
export interface Shape {
  /** The columns of a record, in order. Empty for formats that fix their own. */
  readonly columns: readonly KeyedColumn[];
  /** The names in a CSV file's first line, or in the `#Fields` line before the first line. */
  readonly header: readonly string[] | undefined;
  readonly delimiter: string;
  /** Where CSV records go over several lines: what stands for their own line ends. */
  readonly standIns?: StandIns | undefined;
  /** The pattern of format `regex`, with named groups. */
  readonly pattern: string | undefined;
  /** True where a record's own line feeds stand as `inner-feeds.ts` writes them. */
  readonly holdsInnerFeeds?: boolean | undefined;
  /** Of times without a UTC offset, by its IANA name; UTC if left out. */
  readonly timezone?: string | undefined;
  /** The longest line that is a record, its line feed included; `MAX_LINE_BYTES` if left out. */
  readonly maxLineBytes?: number | undefined;
  /** When the lines were written or received: it tells the year of times that have none. */
  readonly writtenAtMs?: number | undefined;
}

/** Rows `[from, to)` of a file that holds rows and no lines. */
export interface RowSlice {
  readonly path: string;
  /** The file as dead letters name it. */
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  /** Those of the file itself. */
  readonly columns: readonly Column[];
}

/**
 * Takes the lines that can't be records, and tells how many they are: a query with the columns `index`, which
 * counts the lines of the file from 0, and `reason`.
 */
export type TakeUnfit = (unfit: Sql) => Promise<number>;

/** A second way to read, where the first one takes values in their common forms only. */
interface ExactReading {
  /** Whether to begin with it. */
  isNeeded?(shape: Shape): boolean;
  /** The lines as `read` takes them, where those are others: each one is still one. */
  bytes?(bytes: Buffer, shape: Shape): Buffer;
  /** Takes every line that the format's `read` takes, to the same row, and more. */
  read(path: string, shape: Shape): Sql;
}

/** What a source says of its format, beside its name. */
export interface FormatOptions {
  /** As it stands in the configuration of the server that writes the log. */
  readonly log_format?: string | undefined;
  /** Whether the lines are what others have sent: nobody sends them again in a better form. */
  readonly isReceived?: boolean;
}

export interface Format {
  readonly name: string;
  readonly summary: string;
  /** The format that the options make of this one. Throws code `job`. */
  of?(options: FormatOptions): Format;
  /** Whether it can't be read without the option `log_format`, which is for such formats alone. */
  readonly takesLogFormat?: true;
  /** True where neither the format nor the job need name the columns: the input tells them. */
  readonly columnsInInput?: true;
  /** The columns a reader finds in a record. */
  columns(shape: Shape): readonly Column[];
  /** Those of which a value may be unreadable, so that its line does not fit; any of them if left out. */
  readonly fallibleColumns?: readonly string[];
  /**
   * SELECT over a file of lines, in their order. The statement must fail when a line does not fit, and must
   * take a line the same way whatever its neighbours are: the reader is the judge of a line. It may fail with
   * `ASKS_FOR_RULES` where there is an `exact` way.
   */
  read(path: string, shape: Shape): Sql;
  /** Of a format whose files hold rows: SELECT over slices of them, in their order. */
  readSlices?(slices: readonly RowSlice[], shape: Shape): Sql;
  /** A slower SELECT that takes every line `read` takes, to the same row, and more. */
  readTolerantly?(path: string, shape: Shape): Sql;
  readonly exact?: ExactReading;
  /**
   * Lines that `read` (or `readTolerantly` or `exact.read`, where there is one) surely refuses, found all at
   * once. May miss some, but then each of those is looked for with several statements. Tells how many it has
   * given to `take`.
   */
  findUnfit?(database: Database, path: string, shape: Shape, take: TakeUnfit): Promise<number>;
  /** True where a reader might join lines (an open quote), so that rows must be counted against lines. */
  readonly mayJoinLines: boolean;
  /**
   * What is a blank line, which is no record and no dead letter: an empty one, or one of white space;
   * `comment`: an empty one or one that begins with `#`, of which `#Fields:` holds for the lines behind it.
   */
  readonly blank: "record" | "empty" | "white space" | "comment";
  /** True where a line is a value of JSON. */
  readonly isJson?: true;
  /**
   * Whether a byte order mark before a line's text is no part of it: files with one may have been put
   * together.
   */
  readonly dropsByteOrderMark: boolean;
  /**
   * The bytes as `read` must see them, the same ones where nothing stands in its way; undefined where it
   * might take a line otherwise than alone, or than `readTolerantly` does.
   */
  plain?(bytes: Buffer): Buffer | undefined;
  /** True where a line's time may need `writtenAtMs`: a segment is of one file then. */
  readonly isDatedByFile?: true;
  /** True where the source must make lines of JSON from what it gets. */
  readonly isDecodedBySource?: true;
  /** What becomes of a line that is not UTF-8: refused, or read as Latin-1. */
  readonly otherEncoding: "refuse" | "latin1";
}
