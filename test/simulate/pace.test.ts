/**
 * Events come when they are due by the clock that is passed in: steadily, with no drift, and not after a
 * stop.
 */

import { describe, expect, test } from "bun:test";
import { BLOCK_EVENTS, type Block } from "../../src/simulate/generator.ts";
import { type SimulateOptions, settingsOf, simulateOptions } from "../../src/simulate/options.ts";
import { paceEvents } from "../../src/simulate/pace.ts";
import { generatorOf, manualClock, streamOf, textOf } from "./stream.ts";

/** Pulls to the end. `whenPulled` is called after each block, before the next one is asked for. */
async function pace(
  options: Omit<SimulateOptions, "kind">,
  whenPulled: (block: Block, elapsedMs: number, stop: AbortController) => void = () => {},
  clock = manualClock(),
): Promise<Block[]> {
  const stop = new AbortController();
  const generator = generatorOf({ kind: "quotes", ...options }, clock);
  const blocks: Block[] = [];
  const limits = settingsOf({ kind: "quotes", ...options });
  for await (const block of paceEvents(generator, limits, { clock, stop: stop.signal })) {
    blocks.push(block);
    whenPulled(block, clock.monotonicMs(), stop);
  }
  return blocks;
}

const eventsIn = (blocks: readonly Block[]): number => blocks.reduce((sum, { events }) => sum + events, 0);

describe("at a rate", () => {
  test.each([1, 3, 50, 1000, 12_345, 1_000_000])(
    "of %d a second each event comes within 10 ms of its time",
    async (rate) => {
      let before = 0;
      await pace({ rate, for: "2s" }, ({ events }, elapsedMs) => {
        if (events === 0) return;
        const firstDueMs = (before * 1000) / rate;
        before += events;
        const lastDueMs = ((before - 1) * 1000) / rate;
        expect(lastDueMs).toBeLessThanOrEqual(elapsedMs + 1e-6);
        expect(elapsedMs - firstDueMs).toBeLessThanOrEqual(10 + 1e-6);
      });
      expect(before).toBe(rate * 2);
    },
  );

  test("the first event comes at once", async () => {
    const times: number[] = [];
    await pace({ rate: 0.5, count: 3 }, (_, elapsedMs) => times.push(elapsedMs));
    expect(times.slice(0, 3)).toEqual([0, 2000, 4000]);
  });

  test("a reader that was away gets what it missed, in bounded blocks, and no drift", async () => {
    const clock = manualClock();
    let pulls = 0;
    const blocks = await pace(
      { rate: 10_000, for: "10s" },
      ({ events }) => {
        expect(events).toBeLessThanOrEqual(BLOCK_EVENTS);
        pulls += 1;
        if (pulls === 100) clock.advance(5000);
      },
      clock,
    );
    expect(eventsIn(blocks)).toBe(100_000);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(10_010);
  });

  test("the history comes at once, also in the middle of it, and the rest at its rate", async () => {
    const history = { rate: 100, start: "2026-01-05T14:30:00Z", step: "400ms", history: "1h" } as const;
    const times: [number, number][] = [];
    let drawn = 0;
    await pace({ ...history, for: "1s" }, ({ events }, elapsedMs) => {
      drawn += events;
      times.push([drawn, elapsedMs]);
    });
    expect(drawn).toBe(9000 + 100);
    expect(times.findLast(([, elapsedMs]) => elapsedMs === 0)?.[0]).toBe(9001);

    const clock = manualClock();
    const generator = generatorOf({ kind: "quotes", ...history }, clock);
    generator.skip(8500);
    const stop = new AbortController();
    const limits = settingsOf({ kind: "quotes", ...history });
    for await (const _ of paceEvents(generator, limits, { clock, stop: stop.signal })) {
      if (generator.position > 8501) break;
    }
    expect([generator.position, clock.monotonicMs()]).toEqual([9001, 0]);
  });

  test("a history needs a start", () => {
    const { error } = simulateOptions.safeParse({ kind: "quotes", history: "1h" });
    expect(error?.message).toContain("needs a start");
  });

  test("count and for both bound the stream, and skipped events count", async () => {
    expect(eventsIn(await pace({ rate: 100, for: "1s", count: 30 }))).toBe(30);
    expect(eventsIn(await pace({ rate: 100, for: "1s", count: 300 }))).toBe(100);

    const clock = manualClock();
    const generator = generatorOf({ kind: "quotes", rate: 100 }, clock);
    generator.skip(40);
    const blocks: Block[] = [];
    const limits = settingsOf({ kind: "quotes", rate: 100, count: 50 });
    for await (const block of paceEvents(generator, limits, { clock, stop: new AbortController().signal }))
      blocks.push(block);
    expect(eventsIn(blocks)).toBe(10);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(100);
  });
});

describe("as fast as possible", () => {
  test("stops after count events or after the time", async () => {
    const counted = await pace({ rate: 0, count: BLOCK_EVENTS + 1 });
    expect(counted.map(({ events }) => events)).toEqual([BLOCK_EVENTS, 1, 0]);

    const clock = manualClock();
    const timed = await pace({ rate: 0, for: "1s" }, () => clock.advance(300), clock);
    expect(timed.map(({ events }) => events)).toEqual([
      BLOCK_EVENTS,
      BLOCK_EVENTS,
      BLOCK_EVENTS,
      BLOCK_EVENTS,
      0,
    ]);
  });

  test("lets signals have their turn", async () => {
    const clock = manualClock();
    let turns = 0;
    const sleep = clock.sleep;
    clock.sleep = (durationMs) => {
      turns += 1;
      return sleep(durationMs);
    };
    await pace({ rate: 0, for: "1s" }, () => clock.advance(10), clock);
    expect(turns).toBeGreaterThanOrEqual(45);
  });
});

describe.each([0, 1000])("at rate %d", (rate) => {
  test("the paced stream has the bytes of the stream, with the lines held back at its end", async () => {
    const options = { rate, late: 0.2, duplicates: 0.1, bad: 0.1 };
    const blocks = await pace({ ...options, count: 3000 });
    const whole = streamOf({ kind: "quotes", ...options }, 3000);
    expect(textOf(blocks)).toBe(whole.text);
    expect(blocks.flatMap(({ faults }) => faults)).toEqual([...whole.faults]);
  });

  test("a stop ends it, and the lines held back stay with the generator", async () => {
    const blocks = await pace({ rate, late: 0.5, late_by: "1h" }, (_block, _elapsedMs, stop) => {
      stop.abort("SIGINT");
    });
    expect(blocks).toHaveLength(1);
  });
});
