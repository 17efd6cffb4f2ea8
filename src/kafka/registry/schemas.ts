/** Schemas of the registry, compiled once each into what writes their records' lines. */

import { messageOf, StreamkitError } from "../../base/error.ts";
import type { Column } from "../../duckdb/database.ts";
import { avroColumns } from "./avro-columns.ts";
import { compileAvro } from "./avro-lines.ts";
import { parseAvroSchema } from "./avro-schema.ts";
import type { SchemaKey } from "./framing.ts";
import type { LineWriter } from "./line-writer.ts";
import { PayloadError, type PayloadReader } from "./payload-reader.ts";
import { protobufColumns } from "./protobuf-columns.ts";
import { compileProtobuf } from "./protobuf-lines.ts";
import type { RegistryClient, SchemaInfo } from "./registry-client.ts";

type DescFile = Awaited<ReturnType<RegistryClient["protobufFile"]>>;
type DescMessage = DescFile["messages"][number];

/** Writes the record that is at the reader's place up to its end. Throws PayloadError. */
export type RecordWriter = (input: PayloadReader, out: LineWriter) => void;

export interface CompiledSchema {
  /** False where the registry knows no such schema. */
  readonly isKnown: boolean;
  /** `path` is that of the message in its file; Avro has none. Throws PayloadError for a wrong one. */
  writerAt(path: string): RecordWriter;
}

export interface Schemas {
  /** Throws code `io` where the registry gives no answer. One that can't be used throws when it is used. */
  load(topic: string, key: SchemaKey): Promise<CompiledSchema>;
  columns(topic: string): Promise<readonly Column[] | undefined>;
}

export function schemasOf(format: "avro" | "protobuf", client: RegistryClient): Schemas {
  return {
    async load(topic, key) {
      const info = await client.schema(topic, key);
      const name = typeof key === "number" ? `id ${key}` : key;
      if (info === undefined) return unusable(false, `The schema registry knows no schema ${name}`);
      try {
        checkUsable(info, format);
        return format === "avro" ? await compiledAvro(client, info) : await compiledProtobuf(client, info);
      } catch (error) {
        if (error instanceof StreamkitError && error.code === "io") throw error;
        return unusable(true, `The schema ${name} can't be used: ${messageOf(error)}`);
      }
    },
    async columns(topic) {
      const info = await client.latest(topic);
      if (info === undefined) return undefined;
      try {
        checkUsable(info, format);
        if (format === "avro")
          return avroColumns(parseAvroSchema(info.schema, await client.references(info)));
        const [first] = (await client.protobufFile(info)).messages;
        if (first === undefined) throw new StreamkitError("input", "It has no message");
        return protobufColumns(first);
      } catch (error) {
        if (error instanceof StreamkitError && error.code === "io") throw error;
        throw new StreamkitError(
          "input",
          `The latest schema of "${topic}-value" can't be used: ${messageOf(error)}`,
        );
      }
    },
  };
}

function unusable(isKnown: boolean, reason: string): CompiledSchema {
  return {
    isKnown,
    writerAt() {
      throw new PayloadError(reason);
    },
  };
}

/** Parts of a schema's rules; what there is none of is missing or null. */
interface RuleSet {
  readonly domainRules?: readonly Rule[] | null;
  readonly encodingRules?: readonly Rule[] | null;
}

interface Rule {
  readonly name: string;
  readonly type: string;
  readonly kind?: string;
  readonly mode?: string;
  readonly disabled?: boolean;
}

/** Rules that transform a record on its way out (decryption, say) would be left out silently. */
function checkUsable({ schemaType = "AVRO", ruleSet }: SchemaInfo, format: "avro" | "protobuf"): void {
  if (schemaType.toLowerCase() !== format)
    throw new StreamkitError("input", `It is ${schemaType}, and the job says ${format}`);
  const { domainRules = [], encodingRules = [] } = (ruleSet ?? {}) as RuleSet;
  const transform = [...(domainRules ?? []), ...(encodingRules ?? [])].find(
    ({ kind, mode, disabled }) =>
      disabled !== true && kind === "TRANSFORM" && /^(?:WRITE)?READ$/.test(mode ?? ""),
  );
  if (transform !== undefined)
    throw new StreamkitError(
      "input",
      `Its rule "${transform.name}" (${transform.type}) transforms what is read, which streamkit can't do`,
    );
}

async function compiledAvro(client: RegistryClient, info: SchemaInfo): Promise<CompiledSchema> {
  const write = compileAvro(parseAvroSchema(info.schema, await client.references(info)));
  return { isKnown: true, writerAt: () => write };
}

async function compiledProtobuf(client: RegistryClient, info: SchemaInfo): Promise<CompiledSchema> {
  const file = await client.protobufFile(info);
  const writers = new Map<string, RecordWriter>();
  return {
    isKnown: true,
    writerAt(path) {
      const known = writers.get(path);
      if (known !== undefined) return known;
      const write = compileProtobuf(messageAt(file, path));
      writers.set(path, write);
      return write;
    },
  };
}

function messageAt(file: DescFile, path: string): DescMessage {
  let messages: readonly DescMessage[] = file.messages;
  let found: DescMessage | undefined;
  for (const index of path.split(".")) {
    found = messages[Number(index)];
    if (found === undefined) throw new PayloadError(`The schema has no message at ${path}`);
    messages = found.nestedMessages;
  }
  if (found === undefined) throw new PayloadError(`The schema has no message at ${path}`);
  return found;
}
