/** The formats there are: a new one is one line here. */

import { StreamkitError } from "../base/error.ts";
import { csvFormat } from "./csv.ts";
import type { Format, FormatOptions } from "./format.ts";
import { jsonFormat } from "./json.ts";
import { caddyFormat, traefikFormat } from "./logs/entry-presets.ts";
import { logFormatError } from "./logs/layout/layout.ts";
import { logfmtFormat } from "./logs/logfmt.ts";
import {
  albFormat,
  combinedFormat,
  commonFormat,
  mainFormat,
  traefikClfFormat,
  vhostCombinedFormat,
} from "./logs/presets.ts";
import { apacheFormat, nginxFormat } from "./logs/server-formats.ts";
import { syslogFormat } from "./logs/syslog.ts";
import { cloudfrontFormat, iisFormat, w3cFormat } from "./logs/w3c.ts";
import { parquetFormat } from "./parquet.ts";
import { avroFormat, protobufFormat } from "./schema-bound.ts";
import { linesFormat, regexFormat } from "./text.ts";

export const formats: readonly Format[] = [
  jsonFormat,
  csvFormat,
  combinedFormat,
  commonFormat,
  vhostCombinedFormat,
  mainFormat,
  nginxFormat,
  apacheFormat,
  caddyFormat,
  traefikFormat,
  traefikClfFormat,
  albFormat,
  w3cFormat,
  iisFormat,
  cloudfrontFormat,
  logfmtFormat,
  regexFormat,
  linesFormat,
  syslogFormat,
  avroFormat,
  protobufFormat,
  parquetFormat,
];

/** The format of this name, whatever its options. */
export function formatNamed(name: string): Format {
  const format = formats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new StreamkitError("bug", `No format ${name}`);
  return format;
}

/** The format that a source reads. Throws code `job`, whose option may be `log_format`. */
export function formatFor(name: string, options: FormatOptions): Format {
  const format = formatNamed(name);
  if (options.log_format === undefined || format.takesLogFormat === true)
    return format.of?.(options) ?? format;
  const takers = formats.filter((each) => each.takesLogFormat === true).map((each) => each.name);
  throw logFormatError(undefined, `it is for the formats ${takers.join(" and ")}, found format ${name}`);
}
