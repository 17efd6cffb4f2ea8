/** What every channel owes, and what the one on disk does when the disk fails. */

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import type { Channel } from "../../src/collect/channel/channel.ts";
import { type Disk, type DiskFile, realDisk } from "../../src/collect/channel/disk.ts";
import { openDurableChannel } from "../../src/collect/channel/durable.ts";
import { openMemoryChannel } from "../../src/collect/channel/memory.ts";
import { fileOutput } from "../../src/collect/outputs/file.ts";
import { runPump } from "../../src/collect/pump.ts";
import { randomBelow } from "../crash/episode.ts";
import { smallDisk } from "../services/small-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { blockOf, hurriedClock, never, outputContext, rememberingOutput, textOf } from "./channels.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

const KINDS: Readonly<Record<string, (folder: string, maxBytes: number) => Promise<Channel>>> = {
  memory: async (_folder, maxBytes) => openMemoryChannel({ maxBytes }),
  durable: (folder, maxBytes) =>
    openDurableChannel({ folder: join(folder, "channel"), maxBytes, clock: hurriedClock }),
};

for (const [kind, open] of Object.entries(KINDS)) {
  describe(`the ${kind} channel`, () => {
    test("gives blocks in their order, with headers and the ends of events", async () => {
      using folder = emptyFolder();
      const channel = await open(folder.path, 1e6);
      const random = randomBelow(7);
      const blocks = Array.from({ length: 200 }, (_, number) => {
        const block = blockOf([`${number}`, "é".repeat(random(3000))], { number: `${number}"\n` });
        return number % 2 === 0 ? block : { ...block, events: 1, ends: Uint32Array.of(block.bytes.length) };
      });
      const output = rememberingOutput();
      const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
      await Promise.all(blocks.map((block) => channel.put(block)));
      channel.end();
      await pump;
      expect(textOf(output.delivered)).toBe(textOf(blocks));
      expect(output.delivered.map(({ headers, ends, events }) => ({ headers, ends, events }))).toEqual(
        blocks.map(({ headers, ends, events }) => ({ headers, ends, events })),
      );
      expect(channel.waitingBytes()).toBe(0);
      await channel.close();
    });

    test("has room while little waits for the block before it", async () => {
      using folder = emptyFolder();
      const channel = await open(folder.path, 4e6);
      const puts = Array.from({ length: 5 }, (_, number) => channel.put(blockOf([`${number}`])));
      expect(channel.hasRoom()).toBe(true);
      puts.push(...Array.from({ length: 40 }, () => channel.put(blockOf(["x".repeat(100_000)]))));
      const settled = Promise.allSettled(puts);
      await until("it is full", () => !channel.hasRoom());
      await channel.close();
      await settled;
    });

    test("pushes back when it is full, and takes again when there is room", async () => {
      using folder = emptyFolder();
      const channel = await open(folder.path, 1e6);
      const output = rememberingOutput();
      output.isAway = true;
      const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
      let taken = 0;
      const blocks = Array.from({ length: 40 }, (_, number) => blockOf([`${number}${"x".repeat(100_000)}`]));
      const puts = blocks.map((block) =>
        channel.put(block).then(() => {
          taken += 1;
        }),
      );
      await until("the channel is full", () => !channel.hasRoom() && taken > 5 && output.tries > 3);
      expect(taken).toBeLessThan(12);
      expect(said.filter((line) => line.includes("memory is away"))).toHaveLength(1);
      output.isAway = false;
      await Promise.all(puts);
      await channel.flush();
      channel.end();
      await pump;
      expect(textOf(output.delivered)).toBe(textOf(blocks));
      expect(said.filter((line) => line.includes("takes blocks again"))).toHaveLength(1);
      await channel.close();
    });

    test("takes a block larger than itself", async () => {
      using folder = emptyFolder();
      const channel = await open(folder.path, 1e6);
      const output = rememberingOutput();
      const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
      const blocks = [1, 5_000_000, 1, 6_000_000].map((size) => blockOf(["y".repeat(size)]));
      for (const block of blocks) await channel.put(block);
      channel.end();
      await pump;
      expect(textOf(output.delivered) === textOf(blocks)).toBe(true);
      await channel.close();
    });

    test("ends a put that waits for room when it is closed", async () => {
      using folder = emptyFolder();
      const channel = await open(folder.path, 1e6);
      const big = blockOf(["x".repeat(900_000)]);
      await channel.put(big);
      const outcome = channel.put(big).then(() => "taken", messageOf);
      await until("the put waits", () => !channel.hasRoom());
      await channel.close();
      expect(await outcome).toContain("closed while a block waited");
    });
  });
}

test("the memory channel promises nothing before the receiver has it", async () => {
  const channel = openMemoryChannel({ maxBytes: 1e6 });
  const output = rememberingOutput();
  output.isAway = true;
  const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
  await channel.put(blockOf(["a"]));
  let isFlushed = false;
  const flushed = channel.flush().then(() => {
    isFlushed = true;
  });
  await until("it was tried", () => output.tries > 2);
  expect(isFlushed).toBe(false);
  output.isAway = false;
  await flushed;
  expect(textOf(output.delivered)).toBe("a\n");
  channel.end();
  await pump;
});

describe("the durable channel on its disk", () => {
  const openAt = (folder: string, disk: Disk = realDisk, maxBytes = 1e9): Promise<Channel> =>
    openDurableChannel({ folder, maxBytes, clock: hurriedClock, disk });

  test("is one process's at a time", async () => {
    using folder = emptyFolder();
    const channel = await openAt(folder.path);
    expect(await openAt(folder.path).catch(messageOf)).toContain(`in use by process ${process.pid}`);
    await channel.close();
    const again = await openAt(folder.path);
    await again.close();
  });

  test("says why it can't be opened", async () => {
    using folder = emptyFolder();
    writeFileSync(join(folder.path, "file"), "");
    const outcome = await openAt(join(folder.path, "file")).catch(messageOf);
    expect(outcome).toContain(`The channel "${join(folder.path, "file")}" can't be opened: `);
  });

  test("removes segments that were delivered", async () => {
    using folder = emptyFolder();
    const channel = await openDurableChannel({
      folder: folder.path,
      maxBytes: 1e7,
      segmentBytes: 1e5,
      clock: hurriedClock,
    });
    for (let number = 0; number < 50; number += 1) await channel.put(blockOf(["z".repeat(50_000)]));
    const segments = (): number => readdirSync(folder.path).filter((name) => name.endsWith("blocks")).length;
    expect(segments()).toBeGreaterThan(20);
    channel.end();
    await runPump({ channel, output: rememberingOutput(), clock: hurriedClock, stop: never });
    expect(segments()).toBeLessThanOrEqual(1);
    await channel.close();
  });

  test("a full disk pushes back with one warning, and nothing is lost", async () => {
    using folder = emptyFolder();
    using disk = smallDisk(join(folder.path, "disk"), 3);
    const channel = await openAt(join(folder.path, "disk/channel"));
    const output = rememberingOutput();
    output.isAway = true;
    const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
    let taken = 0;
    const blocks = Array.from({ length: 60 }, (_, number) => blockOf([`${number}${"x".repeat(100_000)}`]));
    const puts = blocks.map((block) =>
      channel.put(block).then(() => {
        taken += 1;
      }),
    );
    await until("the disk is full", () => said.some((line) => line.includes("ENOSPC")));
    await until("it was tried again", () => output.tries > 50);
    expect(taken).toBeLessThan(32);
    expect(channel.hasRoom()).toBe(false);
    expect(said.filter((line) => line.includes("no room is left on the disk"))).toHaveLength(1);
    disk.grow(50);
    await Promise.all(puts);
    await channel.flush();
    output.isAway = false;
    channel.end();
    await pump;
    expect(textOf(output.delivered) === textOf(blocks)).toBe(true);
    expect(said.filter((line) => line.includes("there is room again"))).toHaveLength(1);
    await channel.close();
  });

  test("a full disk can be drained: to free room needs none", async () => {
    using folder = emptyFolder();
    using _disk = smallDisk(join(folder.path, "disk"), 3);
    const channel = await openDurableChannel({
      folder: join(folder.path, "disk/channel"),
      maxBytes: 1e9,
      segmentBytes: 1e6,
      clock: hurriedClock,
    });
    const blocks = Array.from({ length: 60 }, (_, number) => blockOf([`${number}${"x".repeat(100_000)}`]));
    const puts = Promise.all(blocks.map((block) => channel.put(block)));
    await until("the disk is full", () => said.some((line) => line.includes("ENOSPC")));
    const output = rememberingOutput();
    const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
    await puts;
    channel.end();
    await pump;
    expect(textOf(output.delivered) === textOf(blocks)).toBe(true);
    await channel.close();
  });

  test("after a write or a sync that failed it promises nothing more", async () => {
    for (const fault of ["write", "sync"] as const) {
      using folder = emptyFolder();
      let isBroken = false;
      const channel = await openAt(
        folder.path,
        faultyDisk(fault, () => isBroken),
      );
      await channel.put(blockOf(["good"]));
      await channel.flush();
      isBroken = true;
      const outcome = channel.put(blockOf(["bad"])).then(() => channel.flush());
      expect(await outcome.catch(messageOf)).toContain("EIO");
      expect(await channel.put(blockOf(["later"])).catch(messageOf)).toContain("EIO");
      await channel.close();
      const again = await openAt(folder.path);
      again.end();
      const output = rememberingOutput();
      await runPump({ channel: again, output, clock: hurriedClock, stop: never });
      expect(textOf(output.delivered)).toStartWith("good\n");
      expect(textOf(output.delivered)).not.toContain("later");
      await again.close();
    }
  });

  test("a file output on a full disk holds no half batch", async () => {
    using folder = emptyFolder();
    using disk = smallDisk(join(folder.path, "disk"), 1);
    mkdirSync(join(folder.path, "kept"));
    const channel = await openAt(join(folder.path, "kept/channel"));
    const output = await fileOutput.open({ path: "disk/out" }, outputContext(folder.path));
    const pump = runPump({ channel, output, clock: hurriedClock, stop: never });
    const blocks = Array.from({ length: 20 }, (_, number) => blockOf([`${number}${"x".repeat(100_000)}`]));
    for (const block of blocks) await channel.put(block);
    channel.end();
    await until("the disk is full", () => said.some((line) => line.includes("ENOSPC")));
    disk.grow(50);
    await pump;
    expect(readFileSync(join(folder.path, "disk/out"), "utf8") === textOf(blocks)).toBe(true);
    await output.close();
    await channel.close();
    expect(existsSync(join(folder.path, "kept/channel/lock"))).toBe(false);
  });
});

/** Segments fail while `isBroken`; the position does not. */
function faultyDisk(fault: "write" | "sync", isBroken: () => boolean): Disk {
  const failing = (file: DiskFile): DiskFile => ({
    ...file,
    [fault]: async (...args: [Uint8Array, number]) => {
      if (isBroken()) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      await (file[fault] as (...args: unknown[]) => Promise<void>)(...args);
    },
  });
  return {
    ...realDisk,
    open: async (path, mode) => {
      const file = await realDisk.open(path, mode);
      return path.endsWith(".blocks") ? failing(file) : file;
    },
  };
}
