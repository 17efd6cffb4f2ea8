/** What a killed compaction has left is taken over by one of those that find it. */

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { LEASE_MS, lockTable } from "../../src/warehouse/compaction/lock.ts";
import { manifestFolder } from "../../src/warehouse/compaction/manifest.ts";
import { openLocalStore } from "../../src/warehouse/local-store.ts";
import { joinPath } from "../../src/warehouse/store.ts";
import { emptyFolder } from "../support/binary.ts";

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

const owner = (pid: number, host = "here") => ({ host, pid, identityOf: (of: number) => `alive ${of}` });
const DEAD = JSON.stringify({ host: "here", pid: 1, identity: "one that is dead" });

test("what dead ones have left at any step is taken away, and nothing stays behind", async () => {
  using folder = emptyFolder();
  const store = openLocalStore(folder.path);
  const at = (name: string): string => joinPath(manifestFolder("t"), name);
  await store.write(at("lock"), DEAD);
  await store.write(at("lock-taken-over"), DEAD);
  await store.write(at(`._${crypto.randomUUID()}.staged`), "a manifest on its way");
  // One that was killed while it had the lock.
  await lockTable(store, "t", { ...owner(3), identityOf: () => "of a former life" });
  expect((await store.list(manifestFolder("t"))).length).toBeGreaterThan(0);
  {
    await using _ = await lockTable(store, "t", owner(2));
    expect(await lockTable(store, "t", owner(4)).catch(messageOf)).toContain("2 on here");
  }
  expect(await store.list(manifestFolder("t"))).toEqual([]);
});

test("one of another machine has it for as long as it is heard of, and then no more", async () => {
  using folder = emptyFolder();
  const store = openLocalStore(folder.path);
  const other = await lockTable(store, "t", owner(7, "there"));
  expect(await lockTable(store, "t", owner(2)).catch(messageOf)).toContain("7 on there");
  const later = { ...systemClock, nowMs: () => systemClock.nowMs() + LEASE_MS + 1000 };
  await using _ = await lockTable(store, "t", owner(2), later);
  // By its own clock no time has gone by.
  expect(await other.keep()).toBeUndefined();
});

test("who was taken for dead does not go on", async () => {
  using folder = emptyFolder();
  const store = openLocalStore(folder.path);
  let nowMs = systemClock.nowMs();
  const clock = { ...systemClock, nowMs: () => nowMs };
  const first = await lockTable(store, "t", owner(7, "there"), clock);
  nowMs += LEASE_MS + 1000;
  await using _ = await lockTable(store, "t", owner(2), clock);
  expect(await first.keep().catch(messageOf)).toContain("Another process has taken over");
});
