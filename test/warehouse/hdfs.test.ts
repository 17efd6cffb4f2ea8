/** What is HDFS's own: name nodes that stand by or are gone, users, and words for what it refuses. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { output, rowsOf } from "../e2e/running.ts";
import { type HdfsService, sharedHdfs, startStandby } from "../services/hdfs.ts";
import { freePorts } from "../services/ports.ts";

const TIMEOUT_MS = 240_000;

let hdfs: HdfsService;
let standby: Awaited<ReturnType<typeof startStandby>>;
beforeAll(async () => {
  [hdfs, standby] = await Promise.all([sharedHdfs(), startStandby()]);
}, TIMEOUT_MS);
afterAll(() => standby[Symbol.asyncDispose]());

const open = (url: string, env: Readonly<Record<string, string>> = { USER: "alice" }) =>
  openStore(url, { baseFolder: ".", clock: systemClock, env });

test("of several name nodes the active one is found: others are gone, or stand by", async () => {
  const [gone = 0] = await freePorts(1);
  const folder = crypto.randomUUID();
  for (const first of [standby.address, `127.0.0.1:${gone}`]) {
    const store = open(`webhdfs://${first},${hdfs.address}/${folder}`);
    await store.write(`from-${first}`, "text");
    expect(Buffer.from((await store.read(`from-${first}`)) ?? []).toString()).toBe("text");
  }
  expect(await open(`webhdfs://${hdfs.address}/${folder}`).list("")).toHaveLength(2);
});

test(
  "a job writes through the pair",
  async () => {
    const url = `webhdfs://${standby.address},${hdfs.address}/${crypto.randomUUID()}`;
    const input = Array.from({ length: 10 }, (_, n) => `{"n":${n}}\n`).join("");
    await output(["write", "--warehouse", url, "--table", "t", "--partition-by", "p=n % 2"], { input });
    const query = [
      "query",
      "SELECT count(*) AS c, max(p) AS p FROM t",
      "--warehouse",
      url,
      "--format",
      "ndjson",
    ];
    expect(rowsOf(await output(query))).toEqual([{ c: 10, p: 1 }]);
  },
  TIMEOUT_MS,
);

test("files are the user's: of the URL, else of HADOOP_USER_NAME", async () => {
  const folder = crypto.randomUUID();
  await open(`webhdfs://bob@${hdfs.address}/${folder}`).write("f", "bob's");
  const other = open(`webhdfs://${hdfs.address}/${folder}`, { USER: "bob", HADOOP_USER_NAME: "carol" });
  expect(Buffer.from((await other.read("f")) ?? []).toString()).toBe("bob's");
  const refusal = await other.write("g", "carol's").catch(messageOf);
  expect(refusal).toContain("AccessControlException: Permission denied: user=carol");
});

test("a delegation token is what is given, and one that is none is refused in words", async () => {
  const store = open(`webhdfs://${hdfs.address}/x`, { WEBHDFS_DELEGATION_TOKEN: "no-token" });
  expect(await store.list("").catch(messageOf)).toMatch(/HDFS (?:refused|answered|wants)/);
});

test(
  "where nobody answers, that is said after a while, and may be tried again",
  async () => {
    const [gone = 0] = await freePorts(1);
    const store = openStore(`webhdfs://127.0.0.1:${gone}/x`, {
      baseFolder: ".",
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      env: {},
    });
    const failure = await store.list("").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "io", retryable: true });
    expect(messageOf(failure)).toContain(`HDFS (127.0.0.1:${gone}) failed to LISTSTATUS "x"`);
  },
  TIMEOUT_MS,
);

test("URLs that are none are refused", () => {
  for (const url of ["webhdfs://", "webhdfs:///path", "webhdfs://a b:1/x", "hdfs://nn:8020/x"])
    expect(() => open(url)).toThrow(/webhdfs:\/\/HOST/);
});
