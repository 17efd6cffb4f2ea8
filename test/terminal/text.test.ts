/** Widths, cuts and values that a terminal would obey. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isStyledBy, styleOf } from "../../src/terminal/style.ts";
import { layOut } from "../../src/terminal/table.ts";
import { cutTo, padEnd, padStart, shownText, shownWords, widthOf } from "../../src/terminal/text.ts";

describe("text", () => {
  test("of a message keeps its own lines and tabs, and nothing else that a terminal obeys", () => {
    expect(shownWords('a: "\u001b]0;x\u0007"\n\tb\r\u009b')).toBe('a: "\\u001b]0;x\\u0007"\n\tb\\r\\u009b');
  });

  test("is as wide as a terminal draws it", () => {
    const widths: Readonly<Record<string, number>> = {
      "": 0,
      ACME: 4,
      Zürich: 6,
      "Zu\u0308rich": 6,
      日経平均: 8,
      ｶﾌﾞ: 3,
      한국: 4,
      "📈": 2,
      "👩‍👩‍👧": 2,
      "❤️": 2,
      "a\u200bb": 2,
      "…": 1,
      "─": 1,
      Ελλάδα: 6,
      שלום: 4,
    };
    for (const [text, width] of Object.entries(widths)) expect([text, widthOf(text)]).toEqual([text, width]);
  });

  test("is cut between characters, never within one, and says so", () => {
    expect(cutTo("ACME", 4)).toBe("ACME");
    expect(cutTo("ACMES", 4)).toBe("ACM…");
    expect(cutTo("日経平均", 7)).toBe("日経平…");
    expect(cutTo("日経平均", 6)).toBe("日経…");
    expect(cutTo("👩‍👩‍👧👩‍👩‍👧", 3)).toBe("👩‍👩‍👧…");
    expect(cutTo("ACME", 0)).toBe("");
    const cells = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }).map(shownText), cells, (text, max) => {
        const width = widthOf(cutTo(text, max));
        expect(width).toBeLessThanOrEqual(max);
        expect(widthOf(padEnd(cutTo(text, max), max))).toBe(max);
        expect(widthOf(padStart(cutTo(text, max), max))).toBe(max);
      }),
    );
  });

  test("shows what a terminal would obey, and leaves the rest as it is", () => {
    expect(shownText("a\u001b[31mred\u0007")).toBe("a\\u001b[31mred\\u0007");
    expect(shownText("two\nlines\r\tand \u009b2J")).toBe("two\\nlines\\r\\tand \\u009b2J");
    expect(shownText("abc\u202etxt.exe\u2066")).toBe("abc\\u202etxt.exe\\u2066");
    expect(shownText("日経 Zürich 📈")).toBe("日経 Zürich 📈");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(shownText(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a table", () => {
  const limits = { maxCells: 40, maxColumnCells: 60 };
  const column = (name: string, isFigure = false) => ({ name, isFigure });

  test("puts figures on the right and texts on the left", () => {
    const { header, rule, rows } = layOut(
      [column("symbol"), column("price", true)],
      [
        ["ACME", "412.31"],
        ["日経", "9.5"],
      ],
      limits,
    );
    expect([header, rule, ...rows]).toEqual([
      "symbol   price",
      "──────  ──────",
      "ACME    412.31",
      "日経       9.5",
    ]);
  });

  test("cuts the widest text first, and no figure", () => {
    const { rows, hiddenColumns } = layOut(
      [column("path"), column("n", true), column("agent")],
      [["/a/very/long/path/of/a/page.html", "123456789", "Mozilla/5.0 (X11; Linux)"]],
      limits,
    );
    expect(hiddenColumns).toBe(0);
    expect(rows).toEqual(["/a/very/long…  123456789  Mozilla/5.0 (…"]);
  });

  test("leaves out the last columns where there is no room, and says so", () => {
    const names = Array.from({ length: 9 }, (_, index) => `figure_${index}`);
    const { header, rows, hiddenColumns } = layOut(
      names.map((name) => column(name, true)),
      [names.map((_, index) => String(index))],
      limits,
    );
    expect(header).toBe("figure_0 figure_1 figure_2 figure_3 …");
    expect(rows).toEqual(["       0        1        2        3 …"]);
    expect(hiddenColumns).toBe(5);
  });

  test("is never wider than the terminal", () => {
    const cell = fc.string({ unit: "grapheme", maxLength: 30 }).map(shownText);
    const table = fc.integer({ min: 1, max: 8 }).chain((columns) =>
      fc.record({
        columns: fc.array(fc.record({ name: cell, isFigure: fc.boolean() }), {
          minLength: columns,
          maxLength: columns,
        }),
        rows: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(table, fc.integer({ min: 10, max: 100 }), ({ columns, rows }, maxCells) => {
        const laidOut = layOut(columns, rows, { maxCells, maxColumnCells: 60 });
        for (const line of [laidOut.header, laidOut.rule, ...laidOut.rows])
          expect(widthOf(line)).toBeLessThanOrEqual(maxCells);
      }),
    );
  });
});

test("NO_COLOR says no, FORCE_COLOR yes, else a terminal decides", () => {
  const cases: readonly (readonly [Record<string, string>, boolean, boolean])[] = [
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    [{ FORCE_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "0" }, true, false],
    [{ TERM: "dumb" }, true, false],
  ];
  for (const [env, isTerminal, expected] of cases)
    expect([env, isTerminal, isStyledBy(env, isTerminal)]).toEqual([env, isTerminal, expected]);
  expect(styleOf({ isStyled: false }).bold("x")).toBe("x");
  expect(styleOf({ isStyled: true }).bold("x")).toBe("\u001b[1mx\u001b[0m");
});
