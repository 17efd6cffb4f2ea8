/** 64-bit integers and decimals reach the dashboard with all their digits, on every way there. */

import { beforeAll, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { readExactJson } from "../../../src/base/exact-json.ts";
import type { BatchProgress } from "../../../src/engine/batch-progress.ts";
import { runJob } from "../../../src/engine/run-job.ts";
import { createApp } from "../../../src/server/app.ts";
import { followJournal } from "../../../src/server/follower.ts";
import { type Hub, openHub } from "../../../src/server/hub.ts";
import { openJournal, replayJournal } from "../../../src/server/journal.ts";
import { openLineFeed } from "../../../src/server/line-feed.ts";
import type { ServerMessage } from "../../../src/server/protocol.ts";
import { createReplica } from "../../../src/server/replica.ts";
import { openServices } from "../../../src/server/server.ts";
import { cellText } from "../../../web/format.ts";
import { emptyFolder } from "../../support/binary.ts";
import { silentRun } from "../../support/silent-run.ts";
import { until } from "../../support/until.ts";
import { jobIn } from "../../verify/job.ts";

const JOB = `
sources:
  i:
    from: "file:in*.ndjson"
    schema: { id: BIGINT, amount: BIGINT, d: "DECIMAL(38,10)", u: UBIGINT, h: HUGEINT, t: VARCHAR }
queries:
  q:
    mode: update
    sql: |
      SELECT id, sum(amount) AS s, max(d) AS d, max(u) AS u, max(h) AS h, max(t) AS t, [id] AS ids
      FROM i GROUP BY id
sinks: [{ from: q, to: "file:q.ndjson" }]
`;
const HUGE = "170141183460469231731687303715884105727";
const MIN = "-9223372036854775808";
const LINES = [
  `{"id":9007199254740992,"amount":1,"d":0.0000000001,"u":1,"h":1,"t":"9007199254740993"}`,
  `{"id":9007199254740993,"amount":2,"d":"-1234567890123456789.0123456789",` +
    `"u":18446744073709551615,"h":${HUGE}}`,
  `{"id":${MIN},"amount":9223372036854775807,"h":-${HUGE},"t":"\\u00017"}`,
  `{"id":${MIN},"amount":9223372036854775807}`,
];
/** As JSON text: a number of JavaScript would not have the digits. */
const EXPECTED = [
  `[9007199254740992,1,1e-10,1,1,"9007199254740993",[9007199254740992]]`,
  `[9007199254740993,2,-1234567890123456789.0123456789,18446744073709551615,${HUGE},null,[9007199254740993]]`,
  `[${MIN},18446744073709551614,null,null,-${HUGE},"\\u00017",[${MIN}]]`,
].toSorted();

/** What the batches of the job did. */
let outcomes: readonly BatchProgress[] = [];
beforeAll(async () => {
  using folder = emptyFolder();
  const files = { "in1.ndjson": `${LINES.slice(0, 3).join("\n")}\n`, "in2.ndjson": `${LINES[3]}\n` };
  const seen: BatchProgress[] = [];
  await runJob(jobIn(folder.path, JOB, files), {
    ...silentRun(),
    bareRows: false,
    observe: (outcome) => seen.push(outcome),
    observesRows: true,
  });
  outcomes = seen;
}, 30_000);

/** The rows of a snapshot or a history, as they stand in its text. */
function rowsIn(text: string): readonly string[] {
  const [, rows = ""] = /"rows":\[(\[.*?\]\])\]/.exec(text) ?? [];
  return rows.replaceAll("]],[", "]]\n[").split("\n").toSorted();
}

function hubOf(seen: readonly BatchProgress[]): Hub {
  const hub = openHub();
  for (const outcome of seen) hub.publish(outcome);
  return hub;
}

test("in the snapshot that a page is sent", () => {
  expect(rowsIn(hubOf(outcomes).snapshotText())).toEqual(EXPECTED);
});

test("in /api/snapshot and /api/history, where an exact key is asked for by its digits", async () => {
  const app = createApp({
    ...openServices(hubOf(outcomes), systemClock),
    access: { host: "127.0.0.1" },
  });
  const answer = async (path: string): Promise<string> => {
    const response = await app.request(`http://127.0.0.1${path}`, { headers: { host: "127.0.0.1" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
    return response.text();
  };
  expect(rowsIn(await answer("/api/snapshot"))).toEqual(EXPECTED);
  const [history] = rowsIn(await answer("/api/history?query=q&id=9007199254740993"));
  expect(history).toStartWith("[9007199254740993,2,");
  expect(rowsIn(await answer(`/api/history?query=q&id=${MIN}`))).toHaveLength(1);
});

test("in the rows of the API: as an answer, as lines, as one row by its key", async () => {
  const app = createApp({
    ...openServices(hubOf(outcomes), systemClock),
    access: { host: "127.0.0.1" },
  });
  const answer = async (query: string, accept = "application/json"): Promise<string> => {
    const response = await app.request(`http://127.0.0.1/api/v1/queries/q/rows${query}`, {
      headers: { host: "127.0.0.1", accept },
    });
    expect(response.status).toBe(200);
    return response.text();
  };
  const ids = (text: string): readonly string[] =>
    Array.from(text.matchAll(/"id":(-?\d+)/g), ([, id = ""]) => id).toSorted();
  const expected = EXPECTED.map((row) => /-?\d+/.exec(row)?.[0] ?? "").toSorted();
  expect(ids(await answer(""))).toEqual(expected);
  expect(ids(await answer("", "application/x-ndjson"))).toEqual(expected);
  expect(ids(await answer("?key=id=9007199254740993"))).toEqual(["9007199254740993"]);
  expect(ids(await answer("?key=id=9007199254740993&key=id=9007199254740992"))).toEqual([
    "9007199254740992",
    "9007199254740993",
  ]);
});

test("in a page that hears the deltas one by one", () => {
  const hub = openHub();
  const replica = createReplica("engine");
  const hear = (text: string) => void replica.hear(readExactJson(text) as ServerMessage);
  hub.subscribe({ send: hear, bufferedBytes: () => 0, cut: () => {} });
  for (const outcome of outcomes) hub.publish(outcome);
  expect(replica.state).toEqual(hub.state as typeof replica.state);
  const table = replica.state.tables.get("q");
  const shown = [...(table?.rows.values() ?? [])].map((row) =>
    row.map((value, index) => cellText(value, table?.columns[index]?.type)).join(" "),
  );
  expect(shown.toSorted()).toEqual(
    [
      "9,007,199,254,740,992 1 0.0000000001 1 1 9007199254740993 [9007199254740992]",
      "9,007,199,254,740,993 2 -1,234,567,890,123,456,789.0123456789 18,446,744,073,709,551,615 " +
        "170,141,183,460,469,231,731,687,303,715,884,105,727 – [9007199254740993]",
      "-9,223,372,036,854,775,808 18,446,744,073,709,551,614 – – " +
        `-170,141,183,460,469,231,731,687,303,715,884,105,727 \u00017 [${MIN}]`,
    ].toSorted(),
  );
});

test("through the journal, for who follows it and who reads it later", async () => {
  using folder = emptyFolder();
  const journal = openJournal(folder.path);
  for (const outcome of outcomes) journal.append(outcome);
  journal.close();
  const replayed: BatchProgress[] = [];
  replayJournal(folder.path, (outcome) => replayed.push(outcome));
  expect(replayed).toEqual([...outcomes]);
  const stop = new AbortController();
  const followed: BatchProgress[] = [];
  const following = followJournal({
    ended: () => {},
    folder: folder.path,
    clock: systemClock,
    stop: stop.signal,
    take: (outcome) => followed.push(outcome),
    brokenLines: () => {},
  });
  await until("the follower has caught up", () => followed.length === outcomes.length);
  stop.abort();
  await following;
  expect(rowsIn(hubOf(followed).snapshotText())).toEqual(EXPECTED);
});

test("from lines of a pipe; a figure is none of the columns that name a row", () => {
  const hub = openHub({ feed: "lines" });
  const feed = openLineFeed(hub, systemClock);
  const line = (k: string, id: string, d: string): string =>
    `{"query":"q","batch":1,"op":"upsert","row":{"k":"${k}","id":${id},"d":${d}}}\n`;
  const big = "-12345678901234567890.12345678901234567890";
  feed.push(Buffer.from(line("a", "9007199254740993", big) + line("b", "9007199254740992", "0.5")));
  feed.push(
    Buffer.from(line("a", HUGE, big) + '{"query":"q","batch":1,"row":{"id":012345678901234567890}}\n'),
  );
  feed.end();
  expect(hub.state.tables.get("q")?.key).toEqual(["k"]);
  expect(hub.state.feed.brokenLines).toBe(1);
  expect(hub.snapshotText()).toContain(`"rows":[["b",9007199254740992,0.5],["a",${HUGE},${big}]]`);
});
