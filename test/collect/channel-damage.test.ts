/** A channel on disk whose files were changed after they were written. */

import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { configureLogging } from "../../src/base/log.ts";
import type { Channel } from "../../src/collect/channel/channel.ts";
import { openDurableChannel } from "../../src/collect/channel/durable.ts";
import { runPump } from "../../src/collect/pump.ts";
import { emptyFolder } from "../support/binary.ts";
import { blockOf, hurriedClock, never, rememberingOutput, textOf } from "./channels.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));
afterEach(() => said.splice(0));

const openAt = (folder: string): Promise<Channel> =>
  openDurableChannel({ folder, maxBytes: 1e9, clock: hurriedClock });

describe("damaged records", () => {
  /** Ten blocks in each of two segments; returns the segments' files and the bytes of a record. */
  async function written(folder: string): Promise<{ files: string[]; recordBytes: number }> {
    for (const segment of ["a", "b"]) {
      const channel = await openAt(folder);
      for (let number = 0; number < 10; number += 1) await channel.put(blockOf([`${segment}${number}`]));
      await channel.close();
    }
    const names = readdirSync(folder).filter((name) => name.endsWith(".blocks"));
    const files = names.toSorted().map((name) => join(folder, name));
    return { files, recordBytes: readFileSync(files[0] ?? "").length / 10 };
  }
  async function delivered(folder: string): Promise<string> {
    const channel = await openAt(folder);
    const output = rememberingOutput();
    channel.end();
    await runPump({ channel, output, clock: hurriedClock, stop: never });
    await channel.close();
    return textOf(output.delivered).replaceAll("\n", " ").trim();
  }
  const whole = ["a", "b"].flatMap((segment) =>
    Array.from({ length: 10 }, (_, number) => `${segment}${number}`),
  );

  // In each segment, at its first, a middle and its last record: a bit of its magic, its lengths, its bytes.
  const places = [0, 1].flatMap((file) =>
    [0, 4, 9].flatMap((record) => [1, 10, 13, 20, 22, -2].map((byte) => ({ file, record, byte }))),
  );
  test.each(places)("a flipped bit costs its record alone: %p", async ({ file, record, byte }) => {
    using folder = emptyFolder();
    const { files, recordBytes } = await written(folder.path);
    const path = files[file] ?? "";
    const bytes = readFileSync(path);
    const at = record * recordBytes + (byte < 0 ? recordBytes + byte : byte);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const lost = `${"ab"[file]}${record}`;
    expect(await delivered(folder.path)).toBe(whole.filter((name) => name !== lost).join(" "));
    const kept = readdirSync(folder.path).filter((name) => name.endsWith(".damaged"));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(folder.path, kept[0] ?? ""))).toEqual(
      bytes.subarray(record * recordBytes, (record + 1) * recordBytes),
    );
    expect(said.join()).toContain(`"${path}" holds no whole record from byte ${record * recordBytes} to `);
    expect(await delivered(folder.path)).toBe("");
  });

  test("two damaged places, and bytes in a record that look like one's beginning", async () => {
    using folder = emptyFolder();
    const channel = await openAt(folder.path);
    for (const text of ["0", "SBK2SBK2SBK1 SBK2", "2", "3", "SBK1"]) await channel.put(blockOf([text]));
    await channel.close();
    const path = join(folder.path, readdirSync(folder.path).find((name) => name.endsWith(".blocks")) ?? "");
    const bytes = readFileSync(path);
    for (const text of ["SBK1 SBK2", "3\n"]) bytes[bytes.indexOf(text)] = 0;
    writeFileSync(path, bytes);
    expect(await delivered(folder.path)).toBe("0 2 SBK1");
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".damaged"))).toHaveLength(2);
  });

  test("records of the first format are read", async () => {
    using folder = emptyFolder();
    const { files } = await written(folder.path);
    const headers = Buffer.from("{}");
    const bytes = Buffer.from("from before\n");
    const head = Buffer.alloc(24);
    head.write("SBK1");
    for (const [value, at] of [
      [headers.length, 8],
      [1, 16],
      [bytes.length, 20],
    ] as const)
      head.writeUInt32LE(value, at);
    head.writeInt32LE(-1, 12);
    const record = Buffer.concat([head, headers, bytes]);
    record.writeUInt32LE(crc32(record.subarray(8)), 4);
    writeFileSync(files[0] ?? "", Buffer.concat([record, readFileSync(files[0] ?? ""), record]));
    expect(await delivered(folder.path)).toBe(
      ["from before", ...whole.slice(0, 10), "from before", ...whole.slice(10)].join(" "),
    );
  });

  test("an unfinished record at the end is cut off without a word of damage", async () => {
    using folder = emptyFolder();
    const { files } = await written(folder.path);
    const last = files.at(-1) ?? "";
    writeFileSync(last, readFileSync(last).subarray(0, -3));
    expect(await delivered(folder.path)).toBe(whole.slice(0, -1).join(" "));
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".damaged"))).toEqual([]);
    expect(said.join()).not.toContain("no whole record");
  });
});
