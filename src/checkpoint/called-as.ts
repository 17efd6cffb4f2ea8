/** What a job is called over its checkpoint. */

import type { LoadedJob } from "../job/load.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** By former versions, which called all jobs alike that did not say theirs. */
const FORMER_NAME = "job";

/**
 * A job that does not say its name keeps the one under which its checkpoint began, whatever its file is
 * called now: files and marks bear it.
 */
export function calledAs(job: LoadedJob, { isDurable, jobName = FORMER_NAME }: Checkpoint): LoadedJob {
  return job.isNamed || !isDurable ? job : { ...job, config: { ...job.config, name: jobName } };
}
