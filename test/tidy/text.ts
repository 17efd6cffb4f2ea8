/** What may stand in a file, and where. Each rule returns one line for each place that breaks it. */

import { isCode, isShipped, type SourceFile, withoutComments } from "./tree.ts";

const MAX_LINES = 400;
const MAX_LINE_LENGTH = 110;

interface Restricted {
  readonly name: string;
  readonly pattern: RegExp;
  /** Files, or folders that end in a slash. */
  readonly allowed: readonly string[];
}

/** What reaches past the parameters into the world, and the few files that may. */
const RESTRICTED: readonly Restricted[] = [
  { name: "Date.now", pattern: /\bDate\.now\b/, allowed: ["src/base/clock.ts"] },
  { name: "new Date()", pattern: /\bnew Date\(\s*\)/, allowed: ["src/base/clock.ts"] },
  { name: "performance.now", pattern: /\bperformance\.now\b/, allowed: ["src/base/clock.ts", "web/live.ts"] },
  { name: "Math.random", pattern: /\bMath\.random\b/, allowed: ["src/commands/program.ts"] },
  { name: "console", pattern: /\bconsole\.\w/, allowed: ["src/build/"] },
  { name: "process.exit", pattern: /\bprocess\.exit\b/, allowed: ["src/commands/program.ts"] },
  {
    name: "INSERT INTO",
    pattern: /\bINSERT INTO\b/,
    allowed: ["src/duckdb/insert.ts", "src/databases/", "src/sinks/parquet.ts", "src/warehouse/"],
  },
  { name: "Bun", pattern: /\bBun\.\w/, allowed: ["src/runtime/", "src/build/"] },
  { name: "Deno", pattern: /\bDeno\.\w/, allowed: ["src/runtime/", "src/build/"] },
];

const UNFINISHED = /\b(?:TO[D]O|FIX[M]E|XX[X])\b/;
const NOT_RUN = /\b(?:test|it|describe)\.(?:skip|only|todo|skipIf|todoIf|if|failing)\b/;

/** The card of the project's top level. */
const TOP_LEVEL = new Set([
  ".ci",
  ".gitignore",
  ".oxlintrc.json",
  "LICENSE",
  "README.md",
  ".npmrc",
  "biome.json",
  "bunfig.toml",
  "fixtures",
  "package-lock.json",
  "package.json",
  "src",
  "test",
  "tsconfig.json",
  "web",
]);

export function misplacedCalls(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isShipped(file) && isCode(file))
    .flatMap((file) =>
      RESTRICTED.filter(({ allowed }) => !allowed.some((place) => isAt(file.path, place))).flatMap(
        ({ name, pattern, allowed }) =>
          matchingLines(withoutComments(file.text), pattern).map(
            (line) => `${file.path}:${line}: ${name} may stand only in ${allowed.join(", ")}`,
          ),
      ),
    );
}

export function longFiles(files: readonly SourceFile[]): string[] {
  return files
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines, more than ${MAX_LINES}: there are two ideas in it`);
}

/** An address can't be broken into lines. */
export function longLines(files: readonly SourceFile[]): string[] {
  const tooLong = new RegExp(`^(?!.*https?://).{${MAX_LINE_LENGTH + 1},}$`, "u");
  return everywhere(files, tooLong, `longer than ${MAX_LINE_LENGTH} characters`);
}

export function unfinishedWork(files: readonly SourceFile[]): string[] {
  return everywhere(files, UNFINISHED, "left for later");
}

export function testsThatDoNotRun(files: readonly SourceFile[]): string[] {
  const tests = files.filter((file) => file.path.startsWith("test/"));
  return everywhere(tests, NOT_RUN, "a test that may not run");
}

/** A module's first lines say what it is for. */
export function modulesWithoutOpening(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isShipped(file) && isCode(file) && !file.text.startsWith("/**"))
    .map((file) => `${file.path}: does not open with a comment that says what it is for`);
}

/** `ignored` are the folders that .gitignore names. */
export function strangeTopLevel(names: readonly string[], ignored: ReadonlySet<string>): string[] {
  return names
    .filter((name) => name !== ".git" && !TOP_LEVEL.has(name) && !ignored.has(name))
    .map((name) => `${name}: not on the card of the top level`);
}

function isAt(path: string, place: string): boolean {
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}

function everywhere(files: readonly SourceFile[], pattern: RegExp, complaint: string): string[] {
  return files.flatMap(({ path, text }) =>
    matchingLines(text, pattern).map((line) => `${path}:${line}: ${complaint}`),
  );
}

/** Counted from 1. */
function matchingLines(text: string, pattern: RegExp): number[] {
  return text.split("\n").flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}
