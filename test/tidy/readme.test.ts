/** README and manual say what is so: the reference is the schema's, examples are right, links lead. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withReference } from "../../src/build/readme.ts";
import { loadPipeline } from "../../src/collect/load-pipeline.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { loadJobText } from "../../src/job/load.ts";

const ROOT = join(import.meta.dir, "../..");
const MANUAL = "src/manual";
const pages = new Map(
  ["README.md", ...readdirSync(join(ROOT, MANUAL)).map((name) => `${MANUAL}/${name}`)].map((path) => [
    path,
    readFileSync(join(ROOT, path), "utf8"),
  ]),
);
const all = [...pages.values()].join("\n");
const readme = pages.get("README.md") ?? "";

test("the job reference is what npm run readme writes", () => {
  const reference = pages.get(`${MANUAL}/reference.md`) ?? "";
  expect(withReference(reference)).toBe(reference);
});

test("a page without the marks of its reference is refused", () => {
  expect(() => withReference("# streamkit")).toThrow("marks");
});

test("README lists every page by its title, and is short", () => {
  for (const [path, text] of pages) {
    if (path === "README.md") continue;
    const topic = path.slice(MANUAL.length + 1, -3);
    expect(readme).toContain(`| \`${topic}\` | [${/^# (.*)$/m.exec(text)?.[1]}](${path}) |`);
  }
  expect(readme.split("\n").length).toBeLessThanOrEqual(MAX_README_LINES);
});

const MAX_README_LINES = 180;

test("every link leads to a page, and to a heading in it", () => {
  const anchorsIn = (text: string): string[] =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );
  const broken: string[] = [];
  for (const [path, text] of pages)
    for (const [, target = ""] of text.matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [file = "", anchor] = target.split("#");
      const led = file === "" ? path : join(dirname(path), file);
      const isThere = existsSync(join(ROOT, led));
      const hasHeading = anchor === undefined || anchorsIn(pages.get(led) ?? "").includes(anchor);
      if (!isThere || !hasHeading) broken.push(`${path}: ${target}`);
    }
  expect(broken).toEqual([]);
});

const blocks = [...all.matchAll(/`yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
const isPipeline = (block: string): boolean => block.includes("\nchannels:");

test("every pipeline in README and manual is one", () => {
  const pipelines = blocks.filter(isPipeline);
  expect(pipelines.length).toBeGreaterThan(0);
  for (const pipeline of pipelines) loadPipeline(pipeline, "README.md", {});
});

test("every job in README and manual is a job", () => {
  const jobs = blocks.filter((block) => !isPipeline(block));
  expect(jobs.length).toBeGreaterThan(0);
  const env = { DB_PASSWORD: "secret", KAFKA_PASSWORD: "secret" };
  for (const job of jobs) {
    const { config } = loadJobText(job, "README.md", wholeJobSchema(), { env, overrides: [] });
    expect(Object.keys(config.queries).length).toBeGreaterThan(0);
  }
});

test("every command and flag that README and manual name is there", async () => {
  const main = join(import.meta.dir, "../../src/main.ts");
  const help = async (...args: readonly string[]): Promise<string> =>
    new Response(Bun.spawn([process.execPath, main, ...args, "--help"], { stdout: "pipe" }).stdout).text();
  const commands = [
    "simulate",
    "tail",
    "process",
    "write",
    "serve",
    "query",
    "check",
    "formats",
    "test",
    "verify",
    "demo",
  ];
  const texts = await Promise.all([help(), ...commands.map((command) => help(command))]);
  const helps = texts.join("\n");
  // Those of the tests' own programs are not streamkit's.
  const ofProgram = all.replaceAll(/`npm run [^`]*`/g, "");
  const named = [...ofProgram.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
  for (const flag of new Set(named)) expect(helps).toContain(flag);
  for (const command of commands) expect(texts[0]).toContain(command);
});

test("every test that README and manual name is there", () => {
  const named = new Set(all.match(/\btest\/[\w./-]+\w/g));
  expect(named.size).toBeGreaterThan(10);
  expect([...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test("every file that the walk through the source names is there", () => {
  const walk = readFileSync(join(ROOT, "src/README.md"), "utf8");
  const named = [...walk.matchAll(/`((?:[\w-]+\/)+[\w-]+\.ts)`/g)].map(([, path = ""]) => path);
  expect(named.length).toBeGreaterThan(30);
  const isThere = (path: string): boolean =>
    existsSync(join(ROOT, "src", path)) || existsSync(join(ROOT, path));
  expect(named.filter((path) => !isThere(path))).toEqual([]);
  expect(walk.split("\n").length).toBeLessThanOrEqual(60);
});
