/**
 * Kafka's payloads in Confluent's wire format → lines of JSON, in their order, each by the schema that it
 * was written with. What DuckDB reads back is what was sent:
 *
 * - integers of up to 64 bits are JSON numbers, exact; a decimal is a JSON string of its digits,
 * - instants are `2026-01-05T14:30:00.123456Z`, local times have no Z; nanoseconds where there are any,
 * - bytes are base64 (`from_base64(column)` is the BLOB): no JSON text reads into a BLOB of any bytes,
 * - NaN and the infinities are null,
 * - a union is its bare value, an enum is its name (in Protobuf the number of an unknown one),
 * - a schema that is no record (a string, a list) stands in the field `value`.
 */

import type { Column } from "../../duckdb/database.ts";
import { FIRST_MESSAGE, readMessagePath, readSchemaKey, type SchemaKey } from "./framing.ts";
import { LineWriter } from "./line-writer.ts";
import { PayloadError, PayloadReader } from "./payload-reader.ts";
import { openRegistryClient, type RegistryOptions } from "./registry-client.ts";
import { type CompiledSchema, type RecordWriter, type Schemas, schemasOf } from "./schemas.ts";

export type { RegistryOptions } from "./registry-client.ts";

interface UnfitRecord {
  readonly index: number;
  readonly reason: string;
}

export interface DecodedLines {
  /** A line for each record, in their order. The caller's. */
  readonly lines: Buffer<ArrayBuffer>;
  /** The records whose line no JSON reader takes: `!` and the payload in base64. In their order. */
  readonly unfit: readonly UnfitRecord[];
}

export interface RegistryDecoder {
  /**
   * `payloads` are the records' bytes one after the other, `lengths` the length of each: -1 for a null
   * payload (a tombstone), whose line is `{}`. `schemaHeaders` are the records' headers `__value_schema_id`,
   * where any has one.
   *
   * Throws code `io`, retryable, where the registry can't be reached.
   */
  decode(
    topic: string,
    payloads: Buffer,
    lengths: Int32Array,
    schemaHeaders?: readonly (Buffer | undefined)[],
  ): Promise<DecodedLines>;
  readonly schemas: Schemas;
  close(): void;
}

/** As many compiled schemas are kept. */
const MAX_SCHEMAS = 1000;
/** A line that no JSON reader takes need not hold all of a payload that is longer. */
const MAX_UNFIT_BYTES = 512 * 1024;
const TOMBSTONE = Buffer.from("{}");

export async function openRegistryDecoder(
  format: "avro" | "protobuf",
  options: RegistryOptions,
): Promise<RegistryDecoder> {
  const schemas = schemasOf(format, await openRegistryClient(format, options));
  const compiled = new Map<SchemaKey, CompiledSchema>();
  return {
    schemas,
    async decode(topic, payloads, lengths, schemaHeaders = []) {
      const batch: Batch = { format, payloads, lengths, schemaHeaders };
      const schemasOfBatch = new Map<SchemaKey, CompiledSchema>();
      for (const key of keysOf(batch)) {
        const known = compiled.get(key);
        const schema = known ?? (await schemas.load(topic, key));
        schemasOfBatch.set(key, schema);
        // One that the registry does not know yet it may know next time.
        if (known !== undefined || !schema.isKnown) continue;
        if (compiled.size >= MAX_SCHEMAS) compiled.clear();
        compiled.set(key, schema);
      }
      return decodeBatch(batch, schemasOfBatch);
    },
    close() {
      compiled.clear();
    },
  };
}

/**
 * The columns of the topic's latest value schema, so that a job needs no `schema:` of its own: of a Protobuf
 * file's first message. Undefined if the registry has none for the topic.
 */
export function registryColumns(
  decoder: RegistryDecoder,
  topic: string,
): Promise<readonly Column[] | undefined> {
  return decoder.schemas.columns(topic);
}

interface Batch {
  readonly format: "avro" | "protobuf";
  readonly payloads: Buffer;
  readonly lengths: Int32Array;
  readonly schemaHeaders: readonly (Buffer | undefined)[];
}

/** Every schema that a record of the batch names. */
function keysOf({ payloads, lengths, schemaHeaders }: Batch): Set<SchemaKey> {
  const input = new PayloadReader();
  const keys = new Set<SchemaKey>();
  let lastKey: SchemaKey | undefined;
  let start = 0;
  for (let index = 0; index < lengths.length; index += 1) {
    const length = lengths[index] as number;
    if (length === -1) continue;
    const header = schemaHeaders[index];
    if (header === undefined) input.open(payloads, start, start + length);
    else input.open(header, 0, header.length);
    start += length;
    const key = keyOrUndefined(input);
    if (key === lastKey || key === undefined) continue;
    keys.add(key);
    lastKey = key;
  }
  return keys;
}

function keyOrUndefined(input: PayloadReader): SchemaKey | undefined {
  try {
    return readSchemaKey(input);
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
}

function decodeBatch(batch: Batch, schemas: ReadonlyMap<SchemaKey, CompiledSchema>): DecodedLines {
  const { format, payloads, lengths, schemaHeaders } = batch;
  const input = new PayloadReader();
  const out = new LineWriter(payloads.length * 3 + lengths.length * 64);
  const unfit: UnfitRecord[] = [];
  let write: RecordWriter | undefined;
  let [lastKey, lastPath]: [SchemaKey | undefined, string] = [undefined, ""];
  let start = 0;
  for (let index = 0; index < lengths.length; index += 1) {
    out.startLine();
    const length = lengths[index] as number;
    if (length === -1) {
      out.raw(TOMBSTONE);
      out.endLine();
      continue;
    }
    const end = start + length;
    try {
      const header = schemaHeaders[index];
      if (header === undefined) input.open(payloads, start, end);
      else input.open(header, 0, header.length);
      const key = readSchemaKey(input);
      const path = format === "protobuf" ? readMessagePath(input) : FIRST_MESSAGE;
      if (header !== undefined) input.open(payloads, start, end);
      if (write === undefined || key !== lastKey || path !== lastPath) {
        write = undefined;
        write = schemas.get(key)?.writerAt(path);
        lastKey = key;
        lastPath = path;
      }
      write?.(input, out);
      out.endLine();
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      unfit.push({ index, reason: error.message });
      out.dropLine();
      writeUnfit(out, payloads.subarray(start, end));
    }
    start = end;
  }
  return { lines: out.bytes.subarray(0, out.at), unfit };
}

/** No value of JSON starts with an exclamation mark. */
function writeUnfit(out: LineWriter, payload: Buffer): void {
  out.byte(0x21);
  out.ascii(payload.toString("base64", 0, MAX_UNFIT_BYTES));
  if (payload.length > MAX_UNFIT_BYTES) out.ascii("...");
  out.endLine();
}
