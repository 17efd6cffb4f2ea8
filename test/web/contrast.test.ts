/** Text on the page can be read, in light and dark: WCAG 2.2 AA wants a contrast of 4.5 to 1. */

import { describe, expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const WEB = join(import.meta.dir, "../../web");
const [light = "", dark = ""] = readFileSync(join(WEB, "theme.css"), "utf8").split("@media");
const styles = globSync(join(WEB, "*.css"))
  .filter((file) => !file.endsWith("theme.css"))
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");

const LEAST = 4.5;
/** What text stands on; a price that moved lights up. */
const GROUNDS = ["panel", "page", "hover", "chosen"];
const FLASHES = ["up", "down"];

type Colour = readonly [number, number, number];

function coloursOf(theme: string): ReadonlyMap<string, string> {
  return new Map(
    [...theme.matchAll(/--([\w-]+): (#[0-9a-f]+);/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** The colour, over the ground where it lets that through. */
function colour(text: string, ground: Colour = [255, 255, 255]): Colour {
  const [red = 0, green = 0, blue = 0, alpha = 255] = (text.match(/[0-9a-f]{2}/g) ?? []).map((hex) =>
    Number.parseInt(hex, 16),
  );
  const over = (value: number, under: number): number => (value * alpha + under * (255 - alpha)) / 255;
  return [over(red, ground[0]), over(green, ground[1]), over(blue, ground[2])];
}

function luminance(of: Colour): number {
  const [red, green, blue] = of.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

function contrast(a: Colour, b: Colour): number {
  const [dim = 0, bright = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (bright + 0.05) / (dim + 0.05);
}

/** The variables that some rule uses as the colour of text. */
const inks = [
  ...new Set([...styles.matchAll(/(?<![\w-])color: var\(--([\w-]+)\)/g)].map(([, name = ""]) => name)),
];

test("the contrast is counted as the standard does", () => {
  expect(contrast(colour("#000000"), colour("#ffffff"))).toBeCloseTo(21, 5);
  expect(contrast(colour("#767676"), colour("#ffffff"))).toBeCloseTo(4.54, 2);
  expect(colour("#00000080", [255, 255, 255])[0]).toBeCloseTo(127, 0);
});

test("the inks are found", () => {
  expect(inks.toSorted()).toEqual(["accent", "down", "muted", "text", "up", "warn"]);
});

describe.each([
  ["light", light],
  ["dark", dark],
])("%s", (_, theme) => {
  const colours = coloursOf(theme);
  const of = (name: string): string => {
    const value = colours.get(name);
    if (value === undefined) throw new Error(`no --${name}`);
    return value;
  };
  for (const ink of inks)
    test(`${ink} on all grounds`, () => {
      for (const ground of GROUNDS) {
        const found = contrast(colour(of(ink)), colour(of(ground)));
        expect([ink, ground, found >= LEAST, found.toFixed(2)]).toEqual([
          ink,
          ground,
          true,
          found.toFixed(2),
        ]);
      }
    });
  test("a price while it lights up", () => {
    for (const direction of FLASHES) {
      const ground = colour(of(`${direction}-flash`), colour(of("panel")));
      expect(contrast(colour(of(direction)), ground)).toBeGreaterThanOrEqual(LEAST);
    }
  });
});
