/** A pipe that outlives the process: what a life has read of it and not committed, the next one has. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { Range, Source, SourceContext } from "../../src/sources/source.ts";
import { openSpool } from "../../src/sources/stdin.ts";
import { until } from "../support/until.ts";

const LIMIT = { maxBytes: 65_536, maxLines: Number.POSITIVE_INFINITY };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "streamkit-lives-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A FIFO that both ends are open of, so that it neither ends nor loses anything. */
function fifo(name: string): number {
  const path = join(folder, name);
  rmSync(path, { force: true });
  if (Bun.spawnSync(["mkfifo", path]).exitCode !== 0) throw new Error("No FIFO");
  return openSync(path, constants.O_RDWR);
}

const contextOf = (name: string, committed: SourceContext["committed"]): SourceContext => ({
  name,
  job: "lives",
  format: { name: "json" } as SourceContext["format"],
  clock: systemClock,
  committed,
  segmentFolder: join(folder, `${name}.segments`),
  isDurable: true,
  baseFolder: folder,
  isOwn: () => false,
  maxSegmentBytes: LIMIT.maxBytes,
  isBounded: false,
  hasHeader: false,
  delimiter: undefined,
  timeColumn: "ts",
  freshSeed: () => 1,
  notify: () => {},
});

const textOf = async (source: Source, range: Range): Promise<string> =>
  readFileSync((await source.read(range)).path, "utf8");

/** The next range, as soon as there is one. */
async function next(source: Source, after?: Range): Promise<Range> {
  let range: Range | undefined;
  await until("a range", async () => {
    range = await source.plan(LIMIT, after);
    return range !== undefined;
  });
  return range as Range;
}

/** Lines of different length, of which many are longer than what is written at once. */
function linesOf(count: number): string {
  return Array.from({ length: count }, (_, id) => `{"id":${id},"text":"${"x".repeat(id % 90)}"}\n`).join("");
}

test("40 lives of one pipe: every byte comes once and in order, however lines are cut", async () => {
  const pipe = fifo("pipe");
  const all = linesOf(20_000);
  let sent = 0;
  /** Not so much that writing it would wait for a reader. */
  const feed = (bytes: number): void => {
    for (const end = Math.min(all.length, sent + bytes); sent < end; )
      sent += writeSync(pipe, all.slice(sent, end));
  };
  let committed: Range["to"] | undefined;
  let text = "";
  for (let life = 0; life < 40; life += 1) {
    const source = await openSpool(pipe, contextOf("pipe", committed));
    for (let batch = 0; batch < life % 4; batch += 1) {
      feed(7919 + life);
      const range = await next(source);
      text += await textOf(source, range);
      await source.commit(range);
      committed = range.to;
    }
    // The worker may be anywhere: waiting for a byte, reading, or not yet begun.
    feed(life % 3 === 0 ? 1 : 4999);
    const closing = source.close();
    feed(3001);
    await closing;
  }
  expect(sent).toBeGreaterThan(600_000);
  const last = await openSpool(pipe, contextOf("pipe", committed));
  const whole = all.slice(0, all.lastIndexOf("\n", sent - 1) + 1);
  while (text.length < whole.length) {
    const range = await next(last);
    text += await textOf(last, range);
    await last.commit(range);
  }
  await last.close();
  closeSync(pipe);
  expect(text === whole).toBe(true);
}, 60_000);

test("a full segment stops the reading, and a life that ends then has taken nothing more", async () => {
  const pipe = fifo("full");
  const all = linesOf(4000);
  let sent = 0;
  const feed = (): void => {
    const end = Math.min(all.length, sent + 30_000);
    while (sent < end) sent += writeSync(pipe, all.slice(sent, end));
  };
  const first = await openSpool(pipe, contextOf("full", undefined));
  for (let times = 0; times < 3; times += 1) feed();
  await until("a full segment", () => first.hasBacklog());
  feed();
  await first.close();
  const second = await openSpool(pipe, contextOf("full", undefined));
  const whole = all.slice(0, all.lastIndexOf("\n", sent - 1) + 1);
  let text = "";
  while (text.length < whole.length) {
    const range = await next(second);
    text += await textOf(second, range);
    await second.commit(range);
  }
  await second.close();
  closeSync(pipe);
  expect(text === whole).toBe(true);
}, 60_000);

test("what was planned stays as it was, whatever else comes before it is read again", async () => {
  const pipe = fifo("planned");
  const first = await openSpool(pipe, contextOf("planned", undefined));
  writeSync(pipe, '{"id":1}\n{"id":2}\n');
  const planned = await next(first);
  const before = await textOf(first, planned);
  await first.close();
  const second = await openSpool(pipe, contextOf("planned", undefined));
  writeSync(pipe, '{"id":3}\n');
  expect(await textOf(second, planned)).toBe(before);
  await second.commit(planned);
  const rest = await next(second, planned);
  expect(before + (await textOf(second, rest))).toBe('{"id":1}\n{"id":2}\n{"id":3}\n');
  await second.close();
  closeSync(pipe);
});

test("half a line gets its rest from the same pipe, and from no other", async () => {
  const pipe = fifo("half");
  const first = await openSpool(pipe, contextOf("half", undefined));
  // So short that it might still become something else than text.
  writeSync(pipe, '{"i');
  await first.close();
  const second = await openSpool(pipe, contextOf("half", undefined));
  writeSync(pipe, 'd":1}\n{"id":');
  const range = await next(second);
  expect(await textOf(second, range)).toBe('{"id":1}\n');
  await second.commit(range);
  await second.close();

  const other = fifo("other");
  writeSync(other, '{"id":3}\n');
  const third = await openSpool(other, contextOf("half", range.to));
  const torn = await next(third);
  expect(await textOf(third, torn)).toBe('{"id":\n');
  expect(await textOf(third, await next(third, torn))).toBe('{"id":3}\n');
  await third.close();
  closeSync(pipe);
  closeSync(other);
});
