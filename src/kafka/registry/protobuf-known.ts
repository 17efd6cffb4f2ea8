/**
 * Messages that Protobuf or Confluent give a meaning of their own. Bare ones are the value in them, without
 * its name: wrappers, and the JSON values of `google.protobuf.Struct`.
 */

import type { DescMessage } from "@bufbuild/protobuf";
import type { LineWriter } from "./line-writer.ts";
import { PayloadError, type PayloadReader } from "./payload-reader.ts";
import { writeDayAndTime } from "./time-text.ts";

/** `slot` is where `input.slots` holds the range of the first field, and then those of the others. */
type KnownWriter = (input: PayloadReader, out: LineWriter, slot: number) => void;

export type KnownMessage =
  | { readonly kind: "bare"; readonly column: "JSON" | "of its value" }
  | { readonly kind: "written"; readonly column: string; readonly write: KnownWriter };

const DAY_SECONDS = 86_400;
const NANOS = 1_000_000_000;
/** The first second of year 1, and the first of year 10000. */
const [MIN_SECONDS, END_SECONDS] = [-62_135_596_800, 253_402_300_800];

const WRAPPER: KnownMessage = { kind: "bare", column: "of its value" };
const JSON_VALUE: KnownMessage = { kind: "bare", column: "JSON" };

const KNOWN: ReadonlyMap<string, KnownMessage> = new Map<string, KnownMessage>([
  ...["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map(
    (name): [string, KnownMessage] => [`google.protobuf.${name}Value`, WRAPPER],
  ),
  ...["Struct", "Value", "ListValue"].map((name): [string, KnownMessage] => [
    `google.protobuf.${name}`,
    JSON_VALUE,
  ]),
  ["google.protobuf.Timestamp", { kind: "written", column: "TIMESTAMP", write: writeTimestamp }],
  ["google.protobuf.Duration", { kind: "written", column: "INTERVAL", write: writeDuration }],
  // Its scale is the value's own: no DECIMAL of DuckDB takes them all.
  ["confluent.type.Decimal", { kind: "written", column: "VARCHAR", write: writeDecimal }],
]);

export function knownMessage(message: DescMessage): KnownMessage | undefined {
  return KNOWN.get(message.typeName);
}

/**
 * Microseconds, as the column that the schema gets has them: in nanoseconds the years end in 2262. What is
 * behind them is cut off.
 */
function writeTimestamp(input: PayloadReader, out: LineWriter, slot: number): void {
  const seconds = varintAt(input, slot);
  const nanos = varintAt(input, slot + 2) | 0;
  if (seconds < MIN_SECONDS || seconds >= END_SECONDS || nanos < 0 || nanos >= NANOS)
    throw new PayloadError("A google.protobuf.Timestamp is not in the years 1 to 9999");
  const day = Math.floor(seconds / DAY_SECONDS);
  const second = seconds - day * DAY_SECONDS;
  writeDayAndTime(out, day, second * 1e6 + Math.floor(nanos / 1000), 6, "Z");
}

/** As DuckDB's INTERVAL reads it. */
function writeDuration(input: PayloadReader, out: LineWriter, slot: number): void {
  const seconds = varintAt(input, slot);
  const nanos = varintAt(input, slot + 2) | 0;
  if (!Number.isSafeInteger(seconds) || seconds * nanos < 0 || Math.abs(nanos) >= NANOS)
    throw new PayloadError("A google.protobuf.Duration is out of its range");
  const sign = seconds < 0 || nanos < 0 ? "-" : "";
  const fraction = String(Math.abs(nanos)).padStart(9, "0").replace(/000$/, "");
  out.ascii(`"${sign}${Math.abs(seconds)}.${fraction} seconds"`);
}

function writeDecimal(input: PayloadReader, out: LineWriter, slot: number): void {
  const start = input.slots[slot] as number;
  const scale = varintAt(input, slot + 4) | 0;
  if (scale < 0 || scale > 10_000) throw new PayloadError(`A confluent.type.Decimal has the scale ${scale}`);
  if (start === -1) out.decimal(input.bytes, 0, 0, scale);
  else out.decimal(input.bytes, start, input.slots[slot + 1] as number, scale);
}

/** Exact where it is a safe integer. */
function varintAt(input: PayloadReader, slot: number): number {
  const start = input.slots[slot] as number;
  if (start === -1) return 0;
  input.at = start;
  input.end = input.slots[slot + 1] as number;
  input.varint();
  return input.high * 0x100000000 + (input.low >>> 0);
}
