/** Keeps the house in order. Each rule has canaries: bad samples it must catch, good ones it must not. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesWithoutImporter, importCircles, upwardImports } from "./imports.ts";
import {
  longFiles,
  longLines,
  misplacedCalls,
  modulesWithoutOpening,
  strangeTopLevel,
  testsThatDoNotRun,
  unfinishedWork,
} from "./text.ts";
import { ROOT, readTree, type SourceFile } from "./tree.ts";

type Rule = (files: readonly SourceFile[]) => string[];

/** Files by their paths. */
type Sample = Readonly<Record<string, string>>;

interface Case {
  readonly name: string;
  readonly rule: Rule;
  readonly bad: readonly Sample[];
  readonly good: readonly Sample[];
}

const doors: readonly SourceFile[] = ["package.json", ".ci/run"].map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), "utf8"),
}));

const tree = readTree(["src", "web", "test"]);
const scripts = tree.filter((file) => file.path.endsWith(".sh"));

const circle = { "src/a/x.ts": 'import "./y.ts";', "src/a/y.ts": 'import "../b/z.ts";' };

const cases: readonly Case[] = [
  {
    name: "rooms import downwards only",
    rule: upwardImports,
    bad: [
      { "src/duckdb/a.ts": 'import type { Plan } from "../engine/plan.ts";' },
      { "src/sources/a.ts": 'import { b } from "../sinks/b.ts";' },
      { "src/base/a.ts": 'const { main } = await import(\n  "../main.ts");' },
      { "src/attic/a.ts": 'import { b } from "../base/b.ts";' },
      { "web/a.tsx": 'import { b } from "../src/engine/b.ts";' },
      { "src/engine/a.ts": 'export * from "../../web/b.ts";' },
      { "src/engine/a.ts": 'export * from "../build/b.ts";' },
    ],
    good: [
      { "src/engine/a.ts": 'import { b } from "./b.ts";\nimport { c } from "../sinks/c.ts";' },
      { "web/a.tsx": 'import type { Frame } from "../src/server/protocol.ts";' },
      { "test/engine/a.test.ts": 'import { b } from "../../src/engine/b.ts";' },
      { "src/base/a.ts": '// import { b } from "../engine/b.ts";' },
    ],
  },
  {
    name: "imports make no circle",
    rule: importCircles,
    bad: [
      { ...circle, "src/b/z.ts": 'export { x } from "../a/x.ts";' },
      { "src/a/x.ts": 'import "./x.ts";' },
    ],
    good: [{ ...circle, "src/b/z.ts": "export const z = 1;", "src/b/w.ts": 'import "../a/x.ts";' }],
  },
  {
    name: "every file has an importer",
    rule: (files) => filesWithoutImporter(files, [...doors, ...scripts]),
    bad: [
      { "src/base/a.ts": "", "test/base/a.test.ts": 'import "../../src/base/a.ts";' },
      { "src/base/lost-worker.ts": "" },
      { "test/helper.ts": "" },
    ],
    good: [
      { "src/main.ts": 'import "./base/a.ts";', "src/base/a.ts": "" },
      { "src/main.ts": 'new Worker(new URL("./a-worker.ts", import.meta.url));', "src/a-worker.ts": "" },
      { "test/a.test.ts": 'import "./helper.ts";', "test/helper.ts": "" },
      { "test/a.test.ts": 'spawn(join(import.meta.dir, "helper.ts"));', "test/helper.ts": "" },
      { "src/build/build.ts": "" },
    ],
  },
  {
    name: "time, chance, console, exit and runtimes stand in their few files",
    rule: misplacedCalls,
    bad: [
      { "src/engine/a.ts": "const startedAtMs = Date.now();" },
      { "src/engine/a.ts": "const today = new Date();" },
      { "web/a.ts": "const startedAtMs = performance.now();" },
      { "src/simulate/a.ts": "const price = Math.random();" },
      { "src/server/a.ts": 'console.log("here");' },
      { "src/engine/a.ts": "process.exit(1);" },
      { "src/engine/a.ts": "const added = sql`INSERT INTO ${state} ${rows}`;" },
      { "src/sources/a.ts": "const text = Bun.file(path);" },
      { "src/sources/a.ts": "const text = Deno.readTextFileSync(path);" },
    ],
    good: [
      { "src/base/clock.ts": "const nowMs = () => Date.now();" },
      {
        "src/engine/a.ts": "/** Unlike Date.now it is told. */\nconst at = new Date(atMs); // not Date.now()",
      },
      { "src/runtime/a.ts": "const text = Bun.file(path);" },
      { "test/a.test.ts": "const text = Bun.file(path);" },
    ],
  },
  {
    name: "no file has two ideas in it",
    rule: longFiles,
    bad: [{ "src/a.ts": "x\n".repeat(401) }],
    good: [{ "src/a.ts": "x\n".repeat(400) }],
  },
  {
    name: "lines fit on the screen",
    rule: longLines,
    bad: [{ "src/a.ts": `\n${"x".repeat(111)}` }, { "web/a.css": "é".repeat(111) }],
    good: [{ "src/a.ts": "x".repeat(110) }, { "src/a.ts": `// https://example.com/${"x".repeat(111)}` }],
  },
  {
    name: "nothing is left for later",
    rule: unfinishedWork,
    bad: ["TO_DO", "FIX_ME", "XX_X"].map((mark) => ({ "src/a.ts": `// ${mark.replace("_", "")}: later` })),
    good: [{ "src/a.ts": "const TODOS = 1;" }],
  },
  {
    name: "every test runs",
    rule: testsThatDoNotRun,
    bad: ["skip", "only", "todo", "skipIf", "failing"].map((way) => ({
      "test/a.test.ts": `test.${way}("x");`,
    })),
    good: [{ "test/a.test.ts": 'test("it.skips nothing", () => {});' }],
  },
  {
    name: "every module opens by saying what it is for",
    rule: modulesWithoutOpening,
    bad: [{ "src/a.ts": 'import "./b.ts";' }, { "web/a.tsx": "// short" }],
    good: [{ "src/a.ts": "/** What it is for. */" }, { "web/a.css": "body {}" }],
  },
];

for (const { name, rule, bad, good } of cases) {
  describe(name, () => {
    test("in this tree", () => expect(rule(tree)).toEqual([]));
    test("and what breaks the rule is caught", () => {
      for (const sample of bad) expect(rule(filesOf(sample)), JSON.stringify(sample)).not.toEqual([]);
    });
    test("and what keeps it is left in peace", () => {
      for (const sample of good) expect(rule(filesOf(sample)), JSON.stringify(sample)).toEqual([]);
    });
  });
}

describe("the top level holds what the card names", () => {
  const ignored = new Set(
    readFileSync(join(ROOT, ".gitignore"), "utf8")
      .split("\n")
      .filter((line) => line.endsWith("/"))
      .map((line) => line.slice(0, -1)),
  );

  test("in this tree", () => expect(strangeTopLevel(readdirSync(ROOT), ignored)).toEqual([]));
  test("and a stranger is caught", () => {
    const found = strangeTopLevel(["src", "utils", "node_modules"], ignored);
    expect(found).toEqual(["utils: not on the card of the top level"]);
  });
});

function filesOf(sample: Sample): SourceFile[] {
  return Object.entries(sample).map(([path, text]) => ({ path, text }));
}
