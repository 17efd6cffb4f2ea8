/** A folder with a job and its files, for the tests of this room. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { type LoadedJob, loadJobText } from "../../src/job/load.ts";

/** Writes the files and loads the YAML as if it stood beside them. */
export function jobIn(folder: string, yaml: string, files: Readonly<Record<string, string>>): LoadedJob {
  for (const [name, text] of Object.entries(files)) {
    const target = join(folder, name);
    mkdirSync(join(target, ".."), { recursive: true });
    writeFileSync(target, text);
  }
  return loadJobText(yaml, join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
}

/** A wall clock that the test sets; nothing takes any time. */
export interface SetClock extends Clock {
  set(iso: string): void;
}

export function setClock(iso: string): SetClock {
  let nowMs = Date.parse(iso);
  return {
    ...systemClock,
    nowMs: () => nowMs,
    monotonicMs: () => 0,
    set(later) {
      nowMs = Date.parse(later);
    },
  };
}
