/**
 * What a file's first bytes say it is. Names are not asked: a rotated log keeps no ending, and what is called
 * `.gz` may be text.
 */

import { GZIP_MAGIC } from "./gzip.ts";
import { isZstd } from "./zstd.ts";

export type Packing = "gzip" | "zstd";

/**
 * `text` is whatever is nothing else: lines are looked for in it. `foreign` is what nobody reads here: `what`
 * is a noun with its article, `remedy` what to do about it.
 */
export type Signature =
  | { readonly is: "text" }
  | { readonly is: "packed"; readonly how: Packing }
  /** Text with a byte order mark of UTF-16. */
  | { readonly is: "marked"; readonly encoding: "utf-16le" | "utf-16be" }
  | { readonly is: "parquet" }
  | { readonly is: "foreign"; readonly what: string; readonly remedy: string };

/** So many first bytes tell all that can be told. */
export const SIGNATURE_BYTES = 1024;

const UNPACK = (command: string) => `unpack it first, with ${command}`;
const LEAVE_OUT = "leave it out of the files to read";
const EXPORT = "save its table as CSV first";
const CONVERT = "query it with DuckDB or convert it to Parquet first";

interface Foreign {
  /** Where the bytes stand. */
  readonly at?: number;
  /** Latin-1. */
  readonly magic: string;
  readonly what: string;
  readonly remedy: string;
  /** Bytes that no text has must be among the first: the magic bytes alone may begin a line. */
  readonly isText?: true;
}

const FOREIGN: readonly Foreign[] = [
  { magic: "BZh", what: "compressed with bzip2", remedy: UNPACK("bunzip2"), isText: true },
  { magic: "\xfd7zXZ\0", what: "compressed with xz", remedy: UNPACK("unxz") },
  { magic: "\x04\x22\x4d\x18", what: "compressed with lz4", remedy: UNPACK("unlz4") },
  { magic: "\x02\x21\x4c\x18", what: "compressed with lz4", remedy: UNPACK("unlz4") },
  { magic: "LZIP\x01", what: "compressed with lzip", remedy: UNPACK("lzip -d") },
  { magic: "\x5d\0\0", what: "compressed with lzma", remedy: UNPACK("unlzma") },
  { magic: "\x1f\x9d", what: "compressed with compress", remedy: UNPACK("uncompress") },
  { magic: "\x89LZO\0", what: "compressed with lzop", remedy: UNPACK("lzop -d") },
  { magic: "\xff\x06\0\0sNaPpY", what: "compressed with snappy", remedy: UNPACK("snzip -d") },
  { magic: "PK\x03\x04", what: "a zip archive", remedy: UNPACK("unzip") },
  { magic: "PK\x05\x06", what: "an empty zip archive", remedy: LEAVE_OUT },
  { magic: "PK\x07\x08", what: "a zip archive", remedy: UNPACK("unzip") },
  { magic: "7z\xbc\xaf\x27\x1c", what: "a 7z archive", remedy: UNPACK("7z x") },
  { magic: "Rar!\x1a\x07", what: "a rar archive", remedy: UNPACK("unrar x") },
  { at: 257, magic: "ustar", what: "a tar archive", remedy: UNPACK("tar -x") },
  { magic: "!<arch>\n", what: "an archive of ar", remedy: LEAVE_OUT },
  { magic: "%PDF-", what: "a PDF document", remedy: LEAVE_OUT },
  { magic: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", what: "a document of an older Excel or Word", remedy: EXPORT },
  { magic: "{\\rtf", what: "an RTF document", remedy: LEAVE_OUT },
  { magic: "\x89PNG\r\n", what: "a PNG image", remedy: LEAVE_OUT },
  { magic: "\xff\xd8\xff", what: "a JPEG image", remedy: LEAVE_OUT },
  { magic: "GIF87a", what: "a GIF image", remedy: LEAVE_OUT, isText: true },
  { magic: "GIF89a", what: "a GIF image", remedy: LEAVE_OUT, isText: true },
  { magic: "BM", what: "a BMP image", remedy: LEAVE_OUT, isText: true },
  { magic: "II*\0", what: "a TIFF image", remedy: LEAVE_OUT },
  { magic: "MM\0*", what: "a TIFF image", remedy: LEAVE_OUT },
  { magic: "RIFF", what: "an image, sound or film", remedy: LEAVE_OUT, isText: true },
  { magic: "OggS\0", what: "a sound or film", remedy: LEAVE_OUT },
  { magic: "ID3", what: "a sound", remedy: LEAVE_OUT, isText: true },
  { at: 4, magic: "ftyp", what: "a film or an image", remedy: LEAVE_OUT, isText: true },
  { magic: "\x1aE\xdf\xa3", what: "a film", remedy: LEAVE_OUT },
  { magic: "\x7fELF", what: "a program", remedy: LEAVE_OUT },
  { magic: "MZ", what: "a program of Windows", remedy: LEAVE_OUT, isText: true },
  { magic: "\xcf\xfa\xed\xfe", what: "a program of macOS", remedy: LEAVE_OUT },
  { magic: "\0asm", what: "a WebAssembly program", remedy: LEAVE_OUT },
  { magic: "\xca\xfe\xba\xbe", what: "a compiled Java class", remedy: LEAVE_OUT },
  { magic: "ElfFile\0", what: "an event log of Windows", remedy: "export it as CSV or JSON first" },
  {
    magic: "LPKSHHRH",
    what: "a journal of systemd",
    remedy: "write it as JSON with journalctl -o json --file",
  },
  { magic: "\xd4\xc3\xb2\xa1", what: "a packet capture", remedy: LEAVE_OUT },
  { magic: "\xa1\xb2\xc3\xd4", what: "a packet capture", remedy: LEAVE_OUT },
  { magic: "\x0a\x0d\x0d\x0a", what: "a packet capture", remedy: LEAVE_OUT },
  { magic: "SQLite format 3\0", what: "a SQLite database", remedy: CONVERT },
  { at: 8, magic: "DUCK", what: "a DuckDB database", remedy: CONVERT, isText: true },
  { magic: "Obj\x01", what: "an Avro file", remedy: CONVERT },
  { magic: "ORC", what: "an ORC file", remedy: CONVERT, isText: true },
  { magic: "ARROW1\0\0", what: "an Arrow file", remedy: CONVERT },
  { magic: "\xff\xff\xff\xff", what: "a stream of Arrow, or no text", remedy: CONVERT },
  { magic: "SEQ\x06", what: "a SequenceFile of Hadoop", remedy: CONVERT },
  { magic: "\x89HDF\r\n\x1a\n", what: "an HDF5 file", remedy: CONVERT },
  {
    magic: "PARE",
    what: "an encrypted Parquet file",
    remedy: "write it without encryption first",
    isText: true,
  },
  { magic: "\xff\xfe\0\0", what: "text in UTF-32", remedy: "convert it with iconv -f utf-32 -t utf-8" },
  { magic: "\0\0\xfe\xff", what: "text in UTF-32", remedy: "convert it with iconv -f utf-32 -t utf-8" },
];

/** `bytes` are the first ones, as many of `SIGNATURE_BYTES` as there are. */
export function signatureOf(bytes: Buffer): Signature {
  if (startsWith(bytes, GZIP_MAGIC)) return { is: "packed", how: "gzip" };
  if (isZstd(bytes)) return { is: "packed", how: "zstd" };
  const start = bytes.toString("latin1", 0, SIGNATURE_BYTES);
  if (start.startsWith("PAR1") && (bytes.length < 5 || hasNoText(bytes))) return { is: "parquet" };
  const foreign = FOREIGN.find(
    ({ at = 0, magic, isText }) =>
      start.startsWith(magic, at) &&
      (isText !== true || (at === 0 && bytes.length <= magic.length) || hasNoText(bytes)),
  );
  if (foreign !== undefined) return { is: "foreign", what: whatOf(foreign, start), remedy: foreign.remedy };
  if (start.startsWith("\xff\xfe")) return { is: "marked", encoding: "utf-16le" };
  if (start.startsWith("\xfe\xff")) return { is: "marked", encoding: "utf-16be" };
  const unmarked = unmarkedEncoding(bytes);
  if (unmarked === undefined) return { is: "text" };
  return {
    is: "foreign",
    what: `text in ${unmarked.toUpperCase()} without a byte order mark`,
    remedy:
      `say so in the job, with from: { files: { path: …, encoding: ${unmarked} } }, or convert it with ` +
      `iconv -f ${unmarked} -t utf-8`,
  };
}

/** What may be read, and what of it first bytes may become when there are more of them. */
const BEGINNINGS = ["\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "PAR1", "\xff\xfe", "\xfe\xff"];

/** Whether so few bytes are there that they may become something else than text. */
export function mayBecomeMore(first: Buffer): boolean {
  const text = first.toString("latin1");
  return text !== "" && BEGINNINGS.some((magic) => text.length < magic.length && magic.startsWith(text));
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, index) => bytes[index] === byte);
}

/** Zip is also what documents are packed in. */
function whatOf({ what }: Foreign, start: string): string {
  if (!/zip/.test(what)) return what;
  if (start.includes("xl/")) return "an Excel workbook";
  if (start.includes("word/")) return "a Word document";
  if (start.includes("opendocument.spreadsheet")) return "an OpenDocument spreadsheet";
  return what;
}

/** Control bytes that stand in no line of a log; NUL does, where a file has a hole. */
function hasNoText(bytes: Buffer): boolean {
  const isControl = (byte: number): boolean =>
    byte < 9 || (byte > 13 && byte < 27) || (byte > 27 && byte < 32);
  return bytes.subarray(0, SIGNATURE_BYTES).some(isControl);
}

/** So many characters must agree: a few NULs are no encoding. */
const MIN_PAIRS = 8;

/** Text of the western world has a NUL in every second byte then, and none in the others. */
function unmarkedEncoding(bytes: Buffer): "utf-16le" | "utf-16be" | undefined {
  const pairs = Math.min(bytes.length, SIGNATURE_BYTES) >> 1;
  if (pairs < MIN_PAIRS) return undefined;
  let first = 0;
  let second = 0;
  for (let pair = 0; pair < pairs; pair += 1) {
    if (bytes[2 * pair] === 0) first += 1;
    if (bytes[2 * pair + 1] === 0) second += 1;
  }
  if (second > pairs * 0.7 && first === 0) return "utf-16le";
  return first > pairs * 0.7 && second === 0 ? "utf-16be" : undefined;
}
