/** The formats there are: a new one is one line here. */

import { combinedFormat, commonFormat } from "./access-log.ts";
import { csvFormat } from "./csv.ts";
import type { Format } from "./format.ts";
import { jsonFormat } from "./json.ts";
import { parquetFormat } from "./parquet.ts";
import { avroFormat, protobufFormat } from "./schema-bound.ts";
import { syslogFormat } from "./syslog.ts";
import { linesFormat, regexFormat } from "./text.ts";

export const formats: readonly Format[] = [
  jsonFormat,
  csvFormat,
  combinedFormat,
  commonFormat,
  regexFormat,
  linesFormat,
  syslogFormat,
  avroFormat,
  protobufFormat,
  parquetFormat,
];
