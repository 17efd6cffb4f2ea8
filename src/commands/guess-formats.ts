/** Jobs that name no format of the files they read: it is found from these, and said. */

import { logger } from "../base/log.ts";
import type { LoadedJob } from "../job/load.ts";
import { AUTO_FORMAT, type SourceConfig } from "../job/schema.ts";
import { guessSource } from "../sources/list.ts";

/** The job with the formats that its files tell. What tells nothing stays as it is, and is read as JSON. */
export async function withGuessedFormats(job: LoadedJob): Promise<LoadedJob> {
  const sources: [string, SourceConfig][] = [];
  for (const [name, source] of Object.entries(job.config.sources)) {
    // What can't be read is told when it is opened, with its place in the job.
    const guess =
      source.format === AUTO_FORMAT
        ? await guessSource(source.from, job.folder).catch(() => undefined)
        : undefined;
    if (guess === undefined) {
      sources.push([name, source]);
      continue;
    }
    const { format, by, file, delimiter = source.delimiter } = guess;
    // One JSON object a line is what is read where nobody says anything.
    if (format !== "json")
      logger("files").info(
        `Source ${name}: "${file}" is read as ${format}, by ${by}; format: says otherwise`,
      );
    sources.push([name, { ...source, format, delimiter }]);
  }
  return { ...job, config: { ...job.config, sources: Object.fromEntries(sources) } };
}
