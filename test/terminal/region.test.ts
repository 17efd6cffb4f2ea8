/** Lines in place: whatever is drawn, said and resized, the screen shows the last of it; no word is lost. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { openRegion, saidAbove } from "../../src/terminal/region.ts";
import { emulator } from "./emulator.ts";

const line = fc.stringMatching(/^[a-z]{1,20}$/);

test("whatever is shown and said, the region is last on the screen and all words stand above it", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("show" as const), lines: fc.array(line, { maxLength: 7 }) }),
    fc.record({ kind: fc.constant("say" as const), line }),
    fc.record({ kind: fc.constant("erase" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const terminal = emulator(24, 8);
      terminal.write("$ streamkit\n");
      const region = openRegion(terminal);
      const said = ["$ streamkit"];
      let shown: readonly string[] = [];
      for (const each of steps) {
        if (each.kind === "show") {
          region.show(each.lines);
          shown = each.lines;
        } else if (each.kind === "say") {
          region.say(each.line);
          said.push(each.line);
        } else {
          region.erase();
          shown = [];
        }
        expect(terminal.everything()).toEqual([...said, ...shown]);
      }
      region.leave();
      terminal.write("done\n");
      expect(terminal.everything()).toEqual([...said, ...shown, "done"]);
    }),
  );
});

test("a terminal that is made narrower or wider keeps one region, not pieces of two", () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 9, max: 20 })), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(sizes, (steps) => {
      const terminal = emulator(24, 20);
      const region = openRegion(terminal);
      region.show(["a", "b"]);
      for (const [columns, rows] of steps) {
        terminal.resize(columns, rows);
        const lines = ["first", "x".repeat(columns), "last"];
        region.show(lines);
        expect(terminal.screen().slice(-3)).toEqual(lines);
        expect(terminal.everything().filter((each) => each === "last")).toHaveLength(1);
      }
      region.leave();
    }),
  );
});

test("what has not changed is not written again", () => {
  const terminal = emulator(40, 20);
  const region = openRegion(terminal);
  region.show(["title", "one", "two", "status 1"]);
  terminal.takeWritten();
  region.show(["title", "one", "two", "status 2"]);
  expect(terminal.takeWritten()).toBe("status 2".length);
  region.show(["title", "one", "two", "status 2"]);
  expect(terminal.takeWritten()).toBe(0);
  region.leave();
});

test("words find the region that is drawn, and nothing where none is", () => {
  const terminal = emulator(40, 20);
  const region = openRegion(terminal);
  expect(saidAbove("lost")).toBe(false);
  region.show(["status"]);
  expect(saidAbove("a warning")).toBe(true);
  expect(terminal.screen()).toEqual(["a warning", "status"]);
  region.erase();
  expect(saidAbove("lost")).toBe(false);
  expect(terminal.screen()).toEqual(["a warning"]);
});
