/** What a killed compaction has left is taken over by one of those that find it. */

import { expect, test } from "bun:test";
import { lockTable } from "../../src/warehouse/compaction/lock.ts";
import { manifestFolder } from "../../src/warehouse/compaction/manifest.ts";
import { openLocalStore } from "../../src/warehouse/local-store.ts";
import { joinPath } from "../../src/warehouse/store.ts";
import { emptyFolder } from "../e2e/binary.ts";

const ROUNDS = 50;
const RIVALS = 8;

test("of many that begin at once, one has the table", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    using folder = emptyFolder();
    const store = openLocalStore(folder.path);
    const lock = joinPath(manifestFolder("t"), "lock");
    await store.create(lock, JSON.stringify({ host: "here", pid: 1, identity: "one that is dead" }));
    const owner = (pid: number) => ({ host: "here", pid, identityOf: (of: number) => `alive ${of}` });
    const rivals = Array.from({ length: RIVALS }, (_, index) => lockTable(store, "t", owner(index + 2)));
    const settled = await Promise.allSettled(rivals);
    const holders = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(holders).toHaveLength(1);
    await holders[0]?.[Symbol.asyncDispose]();
    expect(await store.read(lock)).toBeUndefined();
  }
});
