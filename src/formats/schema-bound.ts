/**
 * Formats whose messages name a schema that stands elsewhere. The source that knows where turns each message
 * into a line of JSON; from there on it is JSON.
 */

import type { Format } from "./format.ts";
import { jsonFormat } from "./json.ts";

export const avroFormat: Format = {
  ...jsonFormat,
  name: "avro",
  summary: "Avro with a schema registry, from Kafka",
  isDecodedBySource: true,
};

export const protobufFormat: Format = {
  ...jsonFormat,
  name: "protobuf",
  summary: "Protobuf with a schema registry, from Kafka",
  isDecodedBySource: true,
};
