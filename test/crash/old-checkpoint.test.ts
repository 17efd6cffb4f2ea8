/** What a release has written is read for ever: each checkpoint that is kept gives the right answer. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linesOf } from "../../src/verify/rows.ts";
import { linesFrom, takenId, wrongInSinks } from "./crash-job.ts";
import { randomBelow, spawned, text } from "./episode.ts";
import { CHECKPOINTS, unpack } from "./old-checkpoint.ts";

const LINES = 120;

async function goOn(folder: string, flags: readonly string[], lines: readonly string[]) {
  const child = await spawned(folder, flags, {}, new Blob([text(lines)]));
  const stderr = await new Response(child.stderr).text();
  return { code: await child.exited, stderr };
}

const names = readdirSync(CHECKPOINTS);

test("there is one of the format that is written now", () => {
  const source = readFileSync(join(import.meta.dirname, "../../src/checkpoint/checkpoint.ts"), "utf8");
  const version = /FORMAT_VERSION = (\d+)/.exec(source)?.[1];
  expect(names.some((name) => name.startsWith(`format-${version}`))).toBe(true);
});

for (const name of names) {
  test(`${name} resumes, and every sink has the batch answer`, async () => {
    const folder = unpack(name);
    try {
      const before = linesOf(readFileSync(join(folder, "piped.ndjson"), "utf8"));
      expect(takenId(folder)).toBe(before.length);
      const more = linesFrom(before.length + 1, LINES, randomBelow(7));
      const filed = readdirSync(join(folder, "in")).length;
      writeFileSync(
        join(folder, `in/${filed}.ndjson`),
        text(linesFrom(filed * LINES + 1, LINES, randomBelow(9))),
      );

      const last = await goOn(folder, ["--once"], more);
      expect(last.code).toBe(0);
      expect(last.stderr).toMatch(/going on after batch [1-9]/);
      expect(await wrongInSinks(folder, [...before, ...more])).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${name} is refused to a job of another plan, and taken up by --reset`, async () => {
    const folder = unpack(name);
    try {
      const job = join(folder, "job.yaml");
      writeFileSync(job, readFileSync(job, "utf8").replace("INTERVAL 10 SECOND", "INTERVAL 20 SECOND"));
      const refused = await goOn(folder, ["--once"], []);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("--reset sums");
      expect(await goOn(folder, ["--once", "--reset", "sums"], [])).toMatchObject({ code: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
