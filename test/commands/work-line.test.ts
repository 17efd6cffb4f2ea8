/** A line for long work: not for short work, only on a terminal, and gone at the end. */

import { expect, test } from "bun:test";
import { openQueryProgress } from "../../src/commands/query-progress.ts";
import { openWorkLine } from "../../src/commands/work-line.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import { emulator } from "../terminal/emulator.ts";
import { steppedClock } from "./stepped-clock.ts";

test("what is done now and for how long, once it takes longer than a moment", async () => {
  const clock = steppedClock();
  const terminal = emulator(40, 5);
  terminal.write("$ streamkit verify\n");
  const line = openWorkLine({ clock, progressOutput: terminal });
  line.tell("cut 1 of 4");
  await clock.advance(900);
  expect(terminal.screen()).toEqual(["$ streamkit verify"]);
  await clock.advance(2000);
  expect(terminal.screen()).toEqual(["$ streamkit verify", "cut 1 of 4 · 2.8 s"]);
  line.tell("cut 2 of 4, batch 17 of 20, which is a long line");
  await clock.advance(250);
  expect(terminal.screen()[1]).toBe("cut 2 of 4, batch 17 of 20, which is a …");
  line.end();
  await clock.advance(5000);
  expect(terminal.screen()).toEqual(["$ streamkit verify"]);
});

test("nothing where there is no terminal of ours, and with --quiet", async () => {
  const clock = steppedClock();
  const terminal = emulator(40, 5);
  for (const line of [
    openWorkLine({ clock, progressOutput: undefined }),
    openWorkLine({ clock, progressOutput: terminal }, true),
  ]) {
    await clock.advance(5000);
    line.end();
  }
  expect(terminal.everything()).toEqual([]);
});

test("a query tells its per cent until its answer begins", async () => {
  const clock = steppedClock();
  const terminal = emulator(40, 5);
  let percent: number | undefined;
  const stdout = { ...NO_OUTPUT, write: (text: Uint8Array | string) => terminal.write(text) };
  const progress = openQueryProgress(() => percent, { clock, stdout, progressOutput: terminal });
  const work = Promise.withResolvers<void>();
  const done = progress.during(() => work.promise);
  await clock.advance(1500);
  expect(terminal.screen()).toEqual(["1.5 s"]);
  percent = 41.7;
  await clock.advance(1000);
  expect(terminal.screen()).toEqual(["41 % · 2.5 s"]);
  progress.stdout.write("the answer\n");
  await clock.advance(1000);
  expect(terminal.screen()).toEqual(["the answer"]);
  work.resolve();
  await done;
});
