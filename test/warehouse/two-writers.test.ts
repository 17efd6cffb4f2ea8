/**
 * Two processes that write to one table at once, while it is compacted, and while one of them is killed: each
 * row once, and neither removes what is the other's.
 */

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;
const ROUNDS = 4;
/** Where a writer dies in the last of those rounds, with files that have no name yet. */
const DEATHS = { "this machine": "parquet-staged", HDFS: "hdfs-created" } as const;

const PLACES = {
  "this machine": () => Promise.resolve("warehouse"),
  HDFS: async () => `webhdfs://${(await sharedHdfs()).address}/writers-${crypto.randomUUID()}`,
} satisfies Record<keyof typeof DEATHS, () => Promise<string>>;

const row = (writer: string, n: number): string => `${JSON.stringify({ k: n % 2, writer, n })}\n`;

test.each(Object.keys(PLACES) as (keyof typeof PLACES)[])(
  "on %s",
  async (place) => {
    using folder = emptyFolder();
    const [cwd, warehouse] = [folder.path, await PLACES[place]()];
    const table = ["--table", "t", "--partition-by", "k", "--schema", "k INT, writer VARCHAR, n INT"];
    const argsOf = (name: string): string[] =>
      ["write", "--warehouse", warehouse, "--checkpoint", `state-${name}`, "--name", name].concat(table);
    const files = async (): Promise<string[]> => {
      const store = openStore(warehouse, { baseFolder: cwd, clock: systemClock, env: process.env });
      return (await store.list("t")).map(({ path }) => path.slice("t/".length));
    };
    const partsOf = async (name: string): Promise<number> =>
      (await files()).filter((path) => path.includes(`/part-${name}-`)).length;

    await using a = await start(argsOf("a"), { cwd });
    const env = { ...process.env, STREAMKIT_FAILPOINT: `${DEATHS[place]}:${ROUNDS}` };
    {
      await using b = await start(argsOf("b"), { cwd, env });
      for (let round = 0; round < ROUNDS; round += 1) {
        await Promise.all([a.feed(row("a", round)), b.feed(row("b", round))]);
        await until(`round ${round} of a`, async () => (await partsOf("a")) > round);
        if (round < ROUNDS - 1) await until(`round ${round} of b`, async () => (await partsOf("b")) > round);
      }
      expect((await b.finished()).code).toBe(137);
    }
    const isStaged = (path: string): boolean => path.startsWith("_staging-b/");
    expect((await files()).some(isStaged)).toBe(true);

    // A third one comes: what b has left is not its own to remove.
    const fresh = await streamkit([...argsOf("c"), "--once"], { cwd, input: row("c", 0) });
    expect(fresh).toMatchObject({ code: 0 });
    expect((await files()).some(isStaged)).toBe(true);

    await using again = await start(argsOf("b"), { cwd });
    const compacting = streamkit(
      ["write", "--compact", "t", "--idle", "0s", "--delay", "0s", "--warehouse", warehouse],
      { cwd },
    );
    for (let round = ROUNDS; round < 2 * ROUNDS; round += 1)
      await Promise.all([a.feed(row("a", round)), again.feed(row("b", round))]);
    expect(await compacting).toMatchObject({ code: 0 });
    for (const writer of [a, again]) {
      await writer.endInput();
      expect(await writer.finished()).toMatchObject({ code: 0 });
    }
    const query = ["query", "SELECT writer, n FROM t ORDER BY ALL", "--warehouse", warehouse];
    const found = rowsOf(await output([...query, "--format", "ndjson"], { cwd }));
    const both = ["a", "b"].flatMap((writer) =>
      Array.from({ length: 2 * ROUNDS }, (_, n) => ({ writer, n })),
    );
    expect(found).toEqual([...both, { writer: "c", n: 0 }]);
    expect((await files()).filter((path) => path.startsWith("_staging"))).toEqual([]);
  },
  TIMEOUT_MS,
);
