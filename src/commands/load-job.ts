/** What a command line says of a job: a file, `--sql`, or nothing for the built-in market. */

import { StreamkitError } from "../base/error.ts";
import { formats } from "../formats/list.ts";
import { inlineFlagOf, inlineJobText } from "../job/inline.ts";
import { type LoadedJob, loadJobFile, loadJobText } from "../job/load.ts";
import { MARKET_JOB } from "../job/market.ts";
import { AUTO_FORMAT, jobSchema } from "../job/schema.ts";
import { keyedSinkKinds } from "../sinks/list.ts";
import { keyedSourceKinds } from "../sources/list.ts";
import type { Context } from "./context.ts";
import { withGuessedFormats } from "./guess-formats.ts";
import type { JobFlags } from "./job-flags.ts";

/** The schema of job files with every source and sink there is. */
export function wholeJobSchema() {
  return jobSchema(
    keyedSourceKinds,
    keyedSinkKinds,
    formats.map(({ name }) => name),
  );
}

/** With the formats that files tell. Throws code `job` or `usage`. */
export async function jobOf(file: string | undefined, flags: JobFlags, context: Context): Promise<LoadedJob> {
  return withGuessedFormats(await loadedJobOf(file, flags, context));
}

async function loadedJobOf(file: string | undefined, flags: JobFlags, context: Context): Promise<LoadedJob> {
  const schema = wholeJobSchema();
  const options = { env: context.env, overrides: flags.set ?? [] };
  if (file !== undefined) {
    if (flags.sql !== undefined)
      throw new StreamkitError("usage", "A job file or --sql is expected, not both");
    return loadJobFile(file, schema, options);
  }
  if (flags.sql === undefined) return loadJobText(MARKET_JOB, "(the built-in market job)", schema, options);
  const text = inlineJobText({
    sql: flags.sql,
    mode: flags.mode ?? "append",
    format: flags.format ?? AUTO_FORMAT,
    schema: flags.schema,
    time: flags.time,
    watermark: flags.watermark,
    pattern: flags.pattern,
    timezone: flags.timezone,
    maxBad: flags.maxBad,
    logFormat: flags.logFormat,
    delimiter: flags.delimiter,
    from: flags.in ?? "-",
  });
  return loadJobText(text, "--sql", schema, { ...options, flagOf: inlineFlagOf });
}
