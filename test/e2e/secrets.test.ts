/** A secret is printed by no command and stands in no file that a command writes. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { start } from "../support/running.ts";
import { until } from "../support/until.ts";

const SECRET = "hunter2marked";

interface Leak {
  readonly name: string;
  readonly args: readonly string[];
  /** Files of the user's, which may hold the name of the secret's variable or the secret itself. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What it says when it is told to stop; left out where it ends by itself. */
  readonly untilSaid?: string;
}

const job = (source: string, sink: string): string =>
  `checkpoint: state\nsources: { s: { from: ${source}, schema: { id: BIGINT } } }\n` +
  `queries: { q: SELECT * FROM s }\nsinks: [ { from: q, ${sink} } ]\n`;
const FILE = '"file:in.ndjson"';
const nowhere = "127.0.0.1:1";

const leaks: readonly Leak[] = [
  {
    name: "an output's URL",
    args: ["tail", "in.ndjson", "--once", "--out", `http://u:${SECRET}@${nowhere}/?key=${SECRET}`],
    untilSaid: "fails",
  },
  {
    name: "an output's URL in a pipeline, by a variable",
    args: ["tail", "--pipeline", "p.yaml", "--once"],
    files: {
      "p.yaml":
        "sources: { a: { from: 'tail:in.ndjson', channels: c } }\nchannels: { c: {} }\n" +
        `sinks: [ { from: c, to: { http: { url: "http://${nowhere}/?key=\${PW}" } } } ]\nstate: state\n`,
    },
    untilSaid: "fails",
  },
  {
    name: "the endpoint of a store, by a variable of the environment",
    args: ["process", "job.yaml", "--once"],
    files: { "job.yaml": job(FILE, 'parquet: { warehouse: "s3://bucket/x", table: t }') },
    env: { AWS_ENDPOINT_URL_S3: `http://u:${SECRET}@${nowhere}`, AWS_SECRET_ACCESS_KEY: SECRET },
  },
  {
    name: "a source's URL that is none",
    args: ["process", "job.yaml", "--once"],
    files: { "job.yaml": job(`"ftp://u:${SECRET}@host/x?key=${SECRET}"`, 'to: "file:q.ndjson"') },
  },
  {
    name: "a sink's URL that is none",
    args: ["check", "job.yaml"],
    files: { "job.yaml": job(FILE, `to: "postgrez://u:${SECRET}@host/x"`) },
  },
  {
    name: "check's plan",
    args: ["check", "job.yaml"],
    files: {
      "job.yaml": job(`"http://127.0.0.1:8099/?key=${SECRET}"`, `to: "kafka://${nowhere}/t?key=id"`),
    },
  },
  {
    name: "--set",
    args: ["process", "job.yaml", "--once", "--set", `sources.s.from=ftp://u:${SECRET}@host`],
    files: { "job.yaml": job(FILE, 'to: "file:q.ndjson"') },
  },
  {
    name: "a warehouse",
    args: ["query", "SELECT 1", "--warehouse", `s3://u:${SECRET}@bucket/x?key=${SECRET}`],
    env: { AWS_ENDPOINT_URL_S3: `http://u:${SECRET}@${nowhere}`, AWS_SECRET_ACCESS_KEY: SECRET },
  },
  {
    name: "an endpoint of --in",
    args: ["process", "--in", `gopher://u:${SECRET}@host`, "--sql", "SELECT * FROM input"],
  },
  {
    name: "an endpoint of simulate",
    args: ["simulate", "quotes", "--count", "1", "--out", `gopher://u:${SECRET}@host/?key=${SECRET}`],
  },
];

test.each(leaks.map((leak) => [leak.name, leak] as const))(
  "%s",
  async (_name, { args, files = {}, env = {}, untilSaid }) => {
    using folder = emptyFolder();
    const own = { "in.ndjson": '{"id":1}\n', ...files };
    for (const [name, text] of Object.entries(own)) writeFileSync(join(folder.path, name), text);
    const all = { ...process.env, AWS_ACCESS_KEY_ID: "a", AWS_REGION: "x", PW: SECRET, ...env } as Record<
      string,
      string
    >;
    await using running = await start(args, { cwd: folder.path, env: all });
    await running.endInput();
    if (untilSaid !== undefined) {
      await until("it has failed", () => running.stderr().includes(untilSaid));
      running.kill("SIGKILL");
    } else await running.finished();
    expect(running.stdout() + running.stderr()).not.toBe("");
    expect(running.stdout() + running.stderr()).not.toContain(SECRET);
    const written = readdirSync(folder.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !(entry.name in own))
      .map((entry) => join(entry.parentPath, entry.name));
    for (const file of written)
      expect({ file, holds: readFileSync(file).includes(SECRET) }).toEqual({ file, holds: false });
  },
);
