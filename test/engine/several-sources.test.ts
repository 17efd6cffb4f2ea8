/** Windows over a UNION ALL of sources: the least of their watermarks closes them. */

import { expect, test } from "bun:test";
import path from "node:path";
import { compareRows } from "../../src/verify/rows.ts";
import { emptyFolder } from "../support/binary.ts";
import { batchAnswers, runIn, writtenIn } from "../world/bounded-runs/bounded.ts";

const NAMES = ["minutes", "totals", "named"];

const JOB = `
checkpoint: state
sources:
  web: { from: "file:web/*.ndjson", schema: { ts: TIMESTAMP, k: VARCHAR, n: BIGINT }, watermark: 0s }
  app:
    from: "file:app/*.ndjson"
    schema: { n: BIGINT, seen: TIMESTAMP, who: VARCHAR }
    time: seen
    watermark: 20s
queries:
  a_all: SELECT ts, k, n FROM web UNION ALL SELECT seen, who, n FROM app
  b_all: SELECT *, 'web' AS place FROM web UNION ALL BY NAME SELECT seen AS ts, n FROM app
  minutes: SELECT window_start, k, sum(n)::BIGINT AS s FROM tumble(a_all, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  totals: >-
    SELECT window_start, k, count(*) AS c FROM tumble(a_all, ts, INTERVAL 1 MINUTE)
    GROUP BY window_start, CUBE (k)
  named: SELECT window_end, place, count(*) AS c FROM tumble(b_all, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
${NAMES.map((name) => `  - { from: ${name}, to: "file:out/${name}.ndjson" }`).join("\n")}
`;

const web = (minute: number, k: string | null, n: number): string =>
  `${JSON.stringify({ ts: `2026-01-05T10:${String(minute).padStart(2, "0")}:10Z`, k, n })}\n`;
const app = (minute: number, who: string | null, n: number): string =>
  `${JSON.stringify({ n, seen: `2026-01-05T10:${String(minute).padStart(2, "0")}:30Z`, who })}\n`;

test("one source that is far ahead closes no window of the other", async () => {
  using folder = emptyFolder();
  const parts: readonly (readonly [web: string, app: string])[] = [
    [web(0, "a", 1) + web(30, "b", 2), app(0, "a", 10)],
    [web(31, null, 3), app(1, "b", 20) + app(2, "a", 40)],
    ["", app(30, null, 80)],
  ];
  const closed: number[] = [];
  for (const [index, [ofWeb, ofApp]] of parts.entries()) {
    await Bun.write(path.join(folder.path, `web/${index}.ndjson`), ofWeb);
    await Bun.write(path.join(folder.path, `app/${index}.ndjson`), ofApp);
    const checkpointFolder = path.join(folder.path, "state");
    expect((await runIn(folder.path, JOB, { checkpointFolder, until: "available" })).lateRows).toBe(0);
    closed.push(writtenIn(folder.path, "minutes").length);
  }
  // The minutes 0 and 1 when app is at 10:02:10; minute 2 when it is at 10:30:10; nothing of web's own pace.
  expect(closed).toEqual([0, 2, 3]);
  await runIn(folder.path, JOB, { checkpointFolder: path.join(folder.path, "state"), until: "once" });
  const answers = await batchAnswers(folder.path, JOB);
  for (const name of NAMES) {
    const answer = answers.get(name);
    expect(answer).toBeDefined();
    if (answer !== undefined)
      expect({ name, found: compareRows(writtenIn(folder.path, name), answer) }).toEqual({
        name,
        found: undefined,
      });
  }
});
