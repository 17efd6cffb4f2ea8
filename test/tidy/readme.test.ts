/** The README says what is so: its reference part is the schema's, and its examples are right. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withReference } from "../../src/build/readme.ts";
import { loadPipeline } from "../../src/collect/load-pipeline.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { loadJobText } from "../../src/job/load.ts";

const ROOT = join(import.meta.dir, "../..");
const readme = readFileSync(join(ROOT, "README.md"), "utf8");

test("the job reference is what npm run readme writes", () => {
  expect(withReference(readme)).toBe(readme);
});

test("a README without the marks of its reference is refused", () => {
  expect(() => withReference("# streamkit")).toThrow("marks");
});

const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
const isPipeline = (block: string): boolean => block.includes("\nchannels:");

test("every pipeline in the README is one", () => {
  const pipelines = blocks.filter(isPipeline);
  expect(pipelines.length).toBeGreaterThan(0);
  for (const pipeline of pipelines) loadPipeline(pipeline, "README.md", {});
});

test("every job in the README is a job", () => {
  const jobs = blocks.filter((block) => !isPipeline(block));
  expect(jobs.length).toBeGreaterThan(0);
  const env = { DB_PASSWORD: "secret", KAFKA_PASSWORD: "secret" };
  for (const job of jobs) {
    const { config } = loadJobText(job, "README.md", wholeJobSchema(), { env, overrides: [] });
    expect(Object.keys(config.queries).length).toBeGreaterThan(0);
  }
});

test("every command and flag that the README names is there", async () => {
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
  const all = texts.join("\n");
  // Those of the tests' own programs are not streamkit's.
  const ofProgram = readme.replaceAll(/`npm run [^`]*`/g, "");
  const named = [...ofProgram.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
  for (const flag of new Set(named)) expect(all).toContain(flag);
  for (const command of commands) expect(texts[0]).toContain(command);
});

test("every test that the README names is there", () => {
  const named = new Set(readme.match(/\btest\/[\w./-]+\w/g));
  expect(named.size).toBeGreaterThan(10);
  expect([...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
