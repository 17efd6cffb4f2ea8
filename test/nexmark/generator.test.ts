/** The generator of Nexmark's events: same settings, same bytes, in the original's proportions. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { houseOf } from "./by-hand.ts";
import { type NexmarkSettings, nexmarkBlocks, nexmarkLines } from "./generator.ts";

const COUNT = 20_000;
const settings: NexmarkSettings = { seed: 1, count: COUNT };
const timesOf = (lines: readonly string[]): number[] =>
  lines.map((line) => Date.parse(line.slice('{"ts":"'.length, '{"ts":"2026-01-05T14:30:00.000Z'.length)));

describe("Nexmark's events", () => {
  const lines = nexmarkLines(settings);
  const { persons, auctions, bids } = houseOf(lines);

  test("are the same for the same seed, line by line or in blocks, and others for another", () => {
    expect([...nexmarkBlocks(settings)].join("")).toBe(lines.map((line) => `${line}\n`).join(""));
    expect(nexmarkLines({ ...settings, count: 100 })).toEqual(lines.slice(0, 100));
    expect(nexmarkLines({ ...settings, seed: 2 })).not.toEqual(lines);
  });

  test("are written by the script as they are", async () => {
    const script = join(import.meta.dir, "generate.ts");
    const flags = ["--count", "100", "--seed", "7", "--events-per-second", "50", "--disorder-ms", "900"];
    const child = Bun.spawn([process.execPath, script, ...flags], { stdout: "pipe" });
    const expected = nexmarkLines({ seed: 7, count: 100, eventsPerSecond: 50, disorderMs: 900 });
    expect(await new Response(child.stdout).text()).toBe(`${expected.join("\n")}\n`);
  });

  test("are persons, auctions and bids as 1 : 3 : 46, with ids that count up", () => {
    expect([persons.length, auctions.length, bids.length]).toEqual([400, 1200, 18_400]);
    expect(persons.map(({ id }) => id)).toEqual(persons.map((_, index) => 1000 + index));
    expect(auctions.map(({ id }) => id)).toEqual(auctions.map((_, index) => 1000 + index));
  });

  test("name hot auctions, bidders and sellers about as often as the original", () => {
    const share = (numbers: readonly number[], hot: number) =>
      numbers.filter((number) => number % 100 === hot).length / numbers.length;
    expect(
      share(
        bids.map(({ auction }) => auction),
        0,
      ),
    ).toBeCloseTo(0.5, 1);
    expect(
      share(
        bids.map(({ bidder }) => bidder),
        1,
      ),
    ).toBeCloseTo(0.75, 1);
    expect(
      share(
        auctions.map(({ seller }) => seller),
        0,
      ),
    ).toBeCloseTo(0.75, 1);
  });

  test("have about the original's sizes", () => {
    const mean = bids.reduce((sum, { extra }) => sum + extra.length, 0) / bids.length;
    expect(mean).toBeCloseTo(68, 0);
  });

  test("come 10,000 a second, many at one time", () => {
    const times = timesOf(lines);
    expect(Math.max(...times) - Math.min(...times)).toBe(COUNT / 10 - 1);
    expect(new Set(times).size).toBe(COUNT / 10);
  });

  test("are the same in disorder, with times that go back as far as was said and no further", () => {
    const disordered = nexmarkLines({ ...settings, eventsPerSecond: 200, timeStepMs: 50, disorderMs: 3000 });
    let highestMs = 0;
    const backMs = timesOf(disordered).map((timeMs) => {
      highestMs = Math.max(highestMs, timeMs);
      return highestMs - timeMs;
    });
    expect(Math.max(...backMs)).toBeWithin(2500, 3001);
    expect(houseOf(disordered).bids.map(({ price }) => price)).toEqual(bids.map(({ price }) => price));
    expect(timesOf(disordered).every((timeMs) => timeMs % 50 === 0)).toBe(true);
  });
});
