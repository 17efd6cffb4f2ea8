/** Unpacking alone: whatever the chunks, every byte; of what is cut off, all that is there, and a word. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openLayers } from "../../../src/content/layers.ts";
import { packings } from "./packings.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);

async function unpackedOf(packed: Buffer, chunkBytes: number) {
  const chunks = Array.from({ length: Math.ceil(packed.length / chunkBytes) }, (_, index) =>
    packed.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
  const { content, inner, close } = await openLayers(chunks);
  const parts: Buffer[] = [];
  try {
    for (;;) {
      const next = await content.next();
      if (next.done === true) return { bytes: Buffer.concat(parts), fault: next.value, inner };
      parts.push(Buffer.from(next.value));
    }
  } finally {
    await close();
  }
}

/** Lines that compress well and badly. */
const texts = fc
  .tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 997 }))
  .map(([lines, factor]) =>
    Buffer.from(Array.from({ length: lines }, (_, n) => `line ${(n * n * factor) % 10_007}\n`).join("")),
  );

describe(`what is packed comes out as it was (SEED=${SEED})`, () => {
  for (const { name, pack } of packings)
    test(name, async () => {
      const chunkBytes = fc.oneof(fc.constantFrom(1, 7, 4096, 1 << 20), fc.integer({ min: 1, max: 5000 }));
      const property = fc.asyncProperty(texts, chunkBytes, async (text, size) => {
        const packed = pack(text);
        const { bytes, fault } = await unpackedOf(packed, Math.max(size, Math.ceil(packed.length / 3000)));
        expect(bytes.equals(text)).toBe(true);
        expect(fault?.is).toBe(name.includes("garbage") ? "trailing" : undefined);
      });
      await fc.assert(property, { numRuns: 12, seed: SEED });
    });
});

describe("what is cut off gives what is there, and says so", () => {
  const text = Buffer.from(
    Array.from({ length: 2000 }, (_, n) => `line ${(n * n * 31) % 10_007}\n`).join(""),
  );
  for (const { name, pack } of packings.filter(
    ({ name }) => !name.includes("garbage") && !name.includes("empty"),
  ))
    test(name, async () => {
      const packed = pack(text);
      const cuts = fc.integer({ min: 40, max: packed.length - 1 });
      const property = fc.asyncProperty(cuts, fc.integer({ min: 1, max: 4096 }), async (size, chunkBytes) => {
        const { bytes, fault } = await unpackedOf(packed.subarray(0, size), chunkBytes);
        expect(text.subarray(0, bytes.length).equals(bytes)).toBe(true);
        // Between two members nothing is missing that anybody could know of.
        if (bytes.length < text.length && !/members|frames/.test(name)) expect(fault?.is).toBe("cut off");
        if (fault === undefined) expect(pack(bytes).length).toBeGreaterThan(0);
      });
      await fc.assert(property, { numRuns: 25, seed: SEED });
    });
});

test("damaged data is called so, and never throws", async () => {
  const text = Buffer.from(
    Array.from({ length: 5000 }, (_, n) => `line ${(n * n * 31) % 10_007}\n`).join(""),
  );
  for (const { name, pack } of packings.slice(0, 4)) {
    const packed = pack(text);
    const damage = fc.tuple(
      fc.integer({ min: 30, max: packed.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
    );
    const property = fc.asyncProperty(damage, async ([at, bits]) => {
      const damaged = Buffer.from(packed);
      damaged[at] = (damaged[at] ?? 0) ^ bits;
      const { bytes, fault } = await unpackedOf(damaged, 1000);
      expect(fault !== undefined || bytes.equals(text) ? name : "unseen damage").toBe(name);
    });
    await fc.assert(property, { numRuns: 20, seed: SEED });
  }
});

test("a window that is too large is named", async () => {
  // `zstd --long=31`: a frame header with a window descriptor of 2 GiB.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
  expect((await unpackedOf(frame, 100)).fault?.reason).toContain("asks for a window of 2048 MiB");
});

test("what unfolds without end is bounded in what it holds", async () => {
  const { content, close } = await openLayers([
    packings[0]?.pack(Buffer.alloc(60_000_000)) ?? Buffer.alloc(0),
  ]);
  let largest = 0;
  for await (const chunk of content) largest = Math.max(largest, chunk.length);
  await close();
  expect(largest).toBeLessThanOrEqual(262_144);
});
