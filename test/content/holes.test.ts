import { expect, test } from "bun:test";
import fc from "fast-check";
import { openHoles } from "../../src/content/holes.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);

test("NULs at the start of lines are passed over, wherever blocks are cut", () => {
  const byte = fc.constantFrom("\0", "\0\0", "a", "\n");
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 40 }),
      fc.array(fc.nat(60)),
      fc.boolean(),
      (bytes, cuts, isStart) => {
        const text = bytes.join("");
        const holes = openHoles(isStart);
        const ends = [...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
        const blocks = ends.map((end, index) =>
          holes.without(Buffer.from(text.slice(ends[index - 1] ?? 0, end))),
        );
        const expected = text.replace(isStart ? /^\0+|(?<=\n)\0+/g : /(?<=\n)\0+/g, "");
        expect(Buffer.concat(blocks.flatMap(({ texts }) => [...texts])).toString()).toBe(expected);
        const passed = blocks.reduce((sum, { passedBytes }) => sum + passedBytes, 0);
        expect(passed).toBe(text.length - expected.length);
      },
    ),
    { seed: SEED },
  );
});
