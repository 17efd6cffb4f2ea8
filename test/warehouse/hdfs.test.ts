/** What is HDFS's own: name nodes that stand by or are gone, users, and words for what it refuses. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { type HdfsService, sharedHdfs, startStandby } from "../services/hdfs.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";

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
  for (const [name, first] of Object.entries({ standby: standby.address, gone: `127.0.0.1:${gone}` })) {
    const store = open(`webhdfs://${first},${hdfs.address}/${folder}`);
    await store.write(name, "text");
    expect(Buffer.from((await store.read(name)) ?? []).toString()).toBe("text");
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

test(
  "a list of name nodes that has changed is the same place: rows that wait for it are not forgotten",
  async () => {
    using folder = emptyFolder();
    const [cwd, path] = [folder.path, crypto.randomUUID()];
    const [gone = 0] = await freePorts(1);
    const lists = [
      `${standby.address},${hdfs.address}`,
      `bob@${hdfs.address}`,
      `127.0.0.1:${gone},${hdfs.address}`,
    ];
    const args = ["write", "--table", "t", "--checkpoint", "state", "--roll-rows", "3"];
    for (const [n, list] of lists.entries()) {
      const { code, stderr } = await streamkit(
        [...args, "--warehouse", `webhdfs://${list}/${path}`, "--available-now"],
        { cwd, input: `{"n":${n}}\n`, env: { ...process.env, HADOOP_USER_NAME: "bob" } },
      );
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).not.toContain("wait in the checkpoint for");
    }
    const files = await open(`webhdfs://${hdfs.address}/${path}`).list("t");
    expect(files.map((file) => file.path).filter((name) => name.endsWith(".parquet"))).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test("two sinks of a job may not write to one place by different lists of name nodes", async () => {
  using folder = emptyFolder();
  const sink = (list: string) => `{ from: s, parquet: { warehouse: "webhdfs://${list}/w", table: t } }`;
  const jobOf = (...lists: readonly string[]) =>
    `sources: { s: { from: "-", schema: { n: BIGINT } } }\nsinks: [${lists.map(sink).join(", ")}]\n`;
  const check = async (...lists: readonly string[]) => {
    writeFileSync(join(folder.path, "job.yaml"), jobOf(...lists));
    return (await streamkit(["check", "job.yaml"], { cwd: folder.path })).stderr;
  };
  expect(await check("a:1,b:1", "bob@B:1")).toContain("sinks.0 writes to the same place");
  expect(await check("a:1,b:1", "c:1")).toBe("");
});

/** Who owns what is in the root of HDFS. */
async function ownerOf(folder: string): Promise<string> {
  const answer = await fetch(`http://${hdfs.address}/webhdfs/v1/${folder}?op=GETFILESTATUS`);
  return ((await answer.json()) as { FileStatus: { owner: string } }).FileStatus.owner;
}

test("files are the user's: of the URL, else of HADOOP_USER_NAME, else of the system", async () => {
  const [bob, carol, dave] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  const env = { USER: "dave", HADOOP_USER_NAME: "carol" };
  await open(`webhdfs://bob@${hdfs.address}/${bob}`, env).write("f", "x");
  await open(`webhdfs://${hdfs.address}/${carol}`, env).write("f", "x");
  await open(`webhdfs://${hdfs.address}/${dave}`, { USER: "dave" }).write("f", "x");
  expect([await ownerOf(bob), await ownerOf(carol), await ownerOf(dave)]).toEqual(["bob", "carol", "dave"]);
});

test("what a user may not is told as HDFS tells it", async () => {
  const folder = crypto.randomUUID();
  await open(`webhdfs://bob@${hdfs.address}/${folder}`).write("f", "x");
  const closed = `http://${hdfs.address}/webhdfs/v1/${folder}?op=SETPERMISSION&permission=700&user.name=bob`;
  expect((await fetch(closed, { method: "PUT" })).status).toBe(200);
  const refusal = await open(`webhdfs://mallory@${hdfs.address}/${folder}`).list("").catch(messageOf);
  expect(refusal).toContain("AccessControlException: Permission denied: user=mallory");
});

// Only a cluster with Kerberos looks at tokens: here it is seen that they are sent, and no user with them.
test("a delegation token is sent in place of a user", async () => {
  const asked: URLSearchParams[] = [];
  using front = Bun.serve({
    port: 0,
    fetch(request) {
      const { pathname, search, searchParams } = new URL(request.url);
      asked.push(searchParams);
      return fetch(`http://${hdfs.address}${pathname}${search}`, {
        method: request.method,
        redirect: "manual",
      });
    },
  });
  const given = `http://${hdfs.address}/webhdfs/v1/?op=GETDELEGATIONTOKEN&renewer=erin&user.name=erin`;
  const { Token } = (await (await fetch(given)).json()) as { Token: { urlString: string } };
  const env = { USER: "dave", WEBHDFS_DELEGATION_TOKEN: Token.urlString };
  await open(`webhdfs://127.0.0.1:${front.port}/${crypto.randomUUID()}`, env).write("f", "text");
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.every((query) => query.get("delegation") === Token.urlString)).toBe(true);
  expect(asked.some((query) => query.has("user.name"))).toBe(false);
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
