/** What a loaded job offers beside its values. */

import { expect, test } from "bun:test";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { loadJobText } from "../../src/job/load.ts";

const JOB = 'sources: { t: { from: "file:${FOLDER}/${FILE:-in.ndjson}", schema: { a: INTEGER } } }';

test("texts for people have a variable's name, not its value", () => {
  const env = { FOLDER: "/home/hunter2" };
  const { config, withoutSecrets } = loadJobText(JOB, "job.yaml", wholeJobSchema(), { env, overrides: [] });
  expect(config.sources["t"]?.from).toBe("file:/home/hunter2/in.ndjson");
  expect(withoutSecrets("reads file:/home/hunter2/in.ndjson")).toBe("reads file:${FOLDER}/in.ndjson");
});
