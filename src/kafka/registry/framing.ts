/**
 * Which schema wrote a record. Confluent's wire format puts it before the data: a byte 0 and the schema's id
 * in 4 bytes, or a byte 1 and its GUID in 16; the GUID may stand in the record's header `__value_schema_id`
 * instead. Protobuf adds the path of the message in its file.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-
 * format
 */

import { PayloadError, type PayloadReader } from "./payload-reader.ts";

/** An id, or a GUID as lower-case text. */
export type SchemaKey = number | string;

/** The path of the first message in its file. */
export const FIRST_MESSAGE = "0";

/** A file's messages nest as deep as somebody wrote them down. */
const MAX_PATH_LENGTH = 100;

/** The key at the reader's place, which is then behind it. */
export function readSchemaKey(input: PayloadReader): SchemaKey {
  if (input.at === input.end) throw new PayloadError("The record is empty: it names no schema");
  const magic = input.byte();
  if (magic === 0) {
    const id = input.bytes.readInt32BE(input.skip(4));
    if (id < 0) throw new PayloadError(`The record's schema id is impossible: ${id}`);
    return id;
  }
  if (magic !== 1)
    throw new PayloadError(
      `The record is not in Confluent's wire format: its first byte is ${magic} and not 0 or 1`,
    );
  const start = input.skip(16);
  const hex = input.bytes.toString("hex", start, start + 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** `1.0` is the first message in the second one of the file. */
export function readMessagePath(input: PayloadReader): string {
  const count = input.zigzagSize();
  if (count === 0) return FIRST_MESSAGE;
  if (count > MAX_PATH_LENGTH) throw new PayloadError("The path of the record's message is impossible");
  let path = String(input.zigzagSize());
  for (let index = 1; index < count; index += 1) path += `.${input.zigzagSize()}`;
  return path;
}
