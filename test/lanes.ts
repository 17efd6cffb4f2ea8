/**
 * Runs the tests in lanes side by side: most wait for servers and children and leave a core idle. A piece is
 * a folder, or a folder in `test/world`: its files share servers, so they stay in one process. Each piece's
 * output comes whole when it has ended; what failed comes again at the end, for readers of a log that is cut.
 * The closing lines are those of `bun test`, added up.
 *
 * Usage: bun test/lanes.ts [PATH …], the paths being folders or files below `test`.
 */

import { availableParallelism } from "node:os";
import { join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const MAX_LANES = 2;
const TIMEOUT_MS = 60_000;
/** Long pieces go first, so that no lane is left alone with one: those not named here take under a minute. */
const LONGEST_FIRST: readonly string[] = [
  "test/kafka",
  "test/e2e",
  "test/crash",
  "test/warehouse",
  "test/tail",
  "test/equation",
  "test/collect",
];
/** Of the output of a failed test, in the report at the end. */
const MAX_LINES = 60;
const COUNTS = ["pass", "fail", "skip", "todo"] as const;

type Counts = Record<(typeof COUNTS)[number], number>;

interface Piece {
  readonly name: string;
  readonly files: readonly string[];
}

interface Result {
  readonly name: string;
  readonly output: string;
  readonly exitCode: number;
  readonly seconds: number;
}

const pieces = piecesOf(await testFiles(process.argv.slice(2)));
const results: Result[] = [];
const lanes = Math.min(MAX_LANES, availableParallelism());
await Promise.all(Array.from({ length: lanes }, () => runLane(pieces, results)));
report(results);

async function testFiles(paths: readonly string[]): Promise<string[]> {
  const wanted = paths.map((path) => relative(ROOT, path).replace(/\/$/, ""));
  const files = await Array.fromAsync(new Bun.Glob("test/**/*.test.ts").scan(ROOT));
  const isWanted = (file: string) => wanted.some((path) => file === path || file.startsWith(`${path}/`));
  return files.filter((file) => wanted.length === 0 || isWanted(file)).toSorted();
}

function piecesOf(files: readonly string[]): Piece[] {
  const pieces = Map.groupBy(files, (file) => file.match(/^test\/(world\/)?[^/]+/)?.[0] ?? file);
  const rank = (name: string) =>
    (LONGEST_FIRST.indexOf(name) + LONGEST_FIRST.length + 1) % (LONGEST_FIRST.length + 1);
  return [...pieces]
    .map(([name, of]) => ({ name, files: of }))
    .toSorted((a, b) => rank(a.name) - rank(b.name));
}

async function runLane(left: Piece[], results: Result[]): Promise<void> {
  for (let piece = left.shift(); piece !== undefined; piece = left.shift()) {
    const result = await run(piece);
    results.push(result);
    console.log(`${result.output}\n== ${piece.name}: ${result.seconds} s, exit code ${result.exitCode}\n`);
  }
}

async function run({ name, files }: Piece): Promise<Result> {
  const startedNs = process.hrtime.bigint();
  const command = [
    process.execPath,
    "test",
    "--timeout",
    String(TIMEOUT_MS),
    ...files.map((file) => `./${file}`),
  ];
  const child = Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const seconds = Number((process.hrtime.bigint() - startedNs) / 1_000_000_000n);
  return { name, output: Bun.stripANSI(`${out}${err}`), exitCode, seconds };
}

function report(results: readonly Result[]): void {
  const counts: Counts = { pass: 0, fail: 0, skip: 0, todo: 0 };
  let ran = 0;
  for (const { name, output, exitCode } of results) {
    for (const word of COUNTS) counts[word] += numberIn(output, new RegExp(`^ *(\\d+) ${word}$`, "gm"));
    const ranHere = numberIn(output, /^Ran (\d+) tests?/gm);
    const isDead = ranHere === 0 || (exitCode !== 0 && !/^ *[1-9]\d* fail$/m.test(output));
    if (isDead) {
      counts.fail += 1;
      console.log(`(fail) ${name}: the runner died with exit code ${exitCode}`);
    }
    ran += ranHere;
    console.log(failuresIn(output));
  }
  for (const word of COUNTS) console.log(` ${counts[word]} ${word}`);
  console.log(`Ran ${ran} tests in ${results.length} pieces`);
  process.exitCode = counts.fail === 0 && ran > 0 ? 0 : 1;
}

/** The last number that the pattern finds, 0 where it finds none. */
function numberIn(output: string, pattern: RegExp): number {
  return Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

/** What a failed test said, with its file: the lines from the test before it to its own. */
function failuresIn(output: string): string {
  const lines = output.split("\n");
  const failed: string[] = [];
  let file = "";
  let since = 0;
  for (const [index, line] of lines.entries()) {
    if (/^\d+ tests? failed:$/.test(line)) break;
    if (/^test\/.*:$/.test(line)) file = line;
    if (line.startsWith("(fail)"))
      failed.push(file, ...lines.slice(Math.max(since, index - MAX_LINES), index + 1));
    if (/^\((pass|fail)\)|^test\//.test(line)) since = index + 1;
  }
  return failed.join("\n");
}
