/** Endpoints as people type them: a path is a path, a format is seen, and what is wrong has a way out. */

import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { emptyFolder, type RunResult, run } from "../../support/binary.ts";
import { parquetFiles } from "../foreign/tables.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");
const COUNT = "SELECT count(*)::INTEGER AS n, sum(n)::INTEGER AS s FROM input";
const NDJSON = '{"n":1}\n{"n":2}\n';
const CSV = "n,t\n1,x\n2,y\n";

async function streamkit(
  cwd: string,
  args: readonly string[],
  input?: Uint8Array<ArrayBuffer>,
): Promise<RunResult> {
  return run(process.execPath, [MAIN, ...args], { cwd, ...(input === undefined ? {} : { input }) });
}

async function reads(cwd: string, from: string, ...more: readonly string[]): Promise<RunResult> {
  const query = ["--sql", COUNT, "--mode", "complete"];
  return streamkit(cwd, ["process", "--in", from, "--once", ...query, ...more]);
}

async function folderOf(files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = emptyFolder();
  mkdirSync(join(folder.path, "empty"));
  for (const [name, content] of Object.entries(files)) await Bun.write(join(folder.path, name), content);
  return folder;
}

describe("a path without file:", () => {
  const names = ["./quotes.ndjson", "a b.ndjson", "in/*.ndjson", "in", "[x].ndjson"];
  test("is read", async () => {
    using folder = await folderOf(
      Object.fromEntries(
        ["quotes.ndjson", "a b.ndjson", "in/x.ndjson", "[x].ndjson"].map((name) => [name, NDJSON]),
      ),
    );
    for (const name of [...names, join(folder.path, "quotes.ndjson")]) {
      const { code, stdout } = await reads(folder.path, name);
      expect([name, code, stdout]).toMatchObject([name, 0, expect.stringContaining('"n":2,"s":3')]);
    }
  }, 60_000);

  test("is read in a job file too", async () => {
    using folder = await folderOf({
      "in/a.csv": CSV,
      "job.yaml": "sources: { input: { from: in/*.csv } }\nsinks: [{ from: input, to: 'file:out.ndjson' }]\n",
    });
    const { code, stderr } = await streamkit(folder.path, ["process", "job.yaml", "--once"]);
    expect([code, await Bun.file(join(folder.path, "out.ndjson")).text()]).toEqual([
      0,
      '{"n":1,"t":"x"}\n{"n":2,"t":"y"}\n',
    ]);
    expect(stderr).toContain('Source input: "in/a.csv" is read as csv, by its name');
  });
});

describe("what is wrong", () => {
  const files = { "quotes.ndjson": NDJSON };
  for (const [from, code, words] of [
    ["qoutes.ndjson", 1, 'There is no file "qoutes.ndjson" (looked in '],
    ["qoutes.ndjson", 1, 'did you mean "quotes.ndjson"?'],
    ["stdin", 1, "standard input is -"],
    ["nothing/*.csv", 1, 'No file matches "nothing/*.csv"'],
    ["empty", 1, 'No file matches "empty"'],
    ["file:empty/*", 1, "--allow-empty"],
    ["kafak://localhost:9092/t", 2, 'did you mean "kafka:"?'],
    ["s3://bucket/x", 2, 'found "s3://bucket/x"'],
    ["", 2, "a source reads -"],
  ] as const)
    test(`"${from}": ${words}`, async () => {
      using folder = await folderOf(files);
      const found = await reads(folder.path, from);
      expect(found.stderr).toContain(words);
      expect(found.stderr.trim().split("\n").length).toBe(1);
      expect([found.code, found.stdout]).toEqual([code, ""]);
    });

  test("--allow-empty takes nothing for an input without a line", async () => {
    using folder = await folderOf(files);
    expect((await reads(folder.path, "empty/*", "--allow-empty")).code).toBe(0);
    const args = [
      "process",
      "--in",
      "empty",
      "--available-now",
      "--allow-empty",
      "--sql",
      "SELECT * FROM input",
    ];
    expect((await streamkit(folder.path, args)).code).toBe(0);
  });

  test("files that were read and are gone are nothing new", async () => {
    using folder = await folderOf({ "in/a.ndjson": NDJSON });
    const again = () => reads(folder.path, "in/*", "--checkpoint", "state");
    expect((await again()).code).toBe(0);
    await Bun.file(join(folder.path, "in/a.ndjson")).delete();
    expect((await again()).code).toBe(0);
  });
});

describe("a format that nobody names", () => {
  test("is what the first file is", async () => {
    const { table } = await parquetFiles({ table: "SELECT range + 1 AS n FROM range(2)" });
    using folder = await folderOf({
      "a.csv.1.gz": gzipSync(CSV),
      "a.tsv": CSV.replaceAll(",", "\t"),
      "odd.csv": NDJSON,
      packed: gzipSync(NDJSON),
      table,
    });
    for (const name of ["a.csv.1.gz", "a.tsv", "odd.csv", "packed", "table"]) {
      const { stdout, stderr } = await reads(folder.path, name);
      expect([name, stdout, stderr]).toMatchObject([
        name,
        expect.stringContaining('"n":2,"s":3'),
        expect.anything(),
      ]);
    }
  }, 60_000);

  test("of a log is told by its lines", async () => {
    const line = '203.0.113.9 - - [07/Jan/2026:09:27:00 +0000] "GET /p HTTP/1.1" 200 937';
    using folder = await folderOf({ "access.log": `${line} "-" "x"\n`, "common.log": `${line}\n` });
    for (const [name, format] of [
      ["access.log", "combined"],
      ["common.log", "common"],
    ] as const) {
      const args = ["process", "--in", name, "--once", "--sql", "SELECT path, status FROM input"];
      const { stdout, stderr } = await streamkit(folder.path, args);
      expect(stdout).toBe('{"path":"/p","status":200}\n');
      expect(stderr).toContain(`"${name}" is read as ${format}, by its content`);
    }
  });

  test("gives way to one that is named, and is told by check", async () => {
    using folder = await folderOf({ "a.csv": NDJSON.replaceAll("n", "m"), "b.csv": CSV });
    const args = ["--in", "b.csv", "--sql", "SELECT * FROM input"];
    expect((await streamkit(folder.path, ["check", ...args])).stdout).toContain("b.csv as csv");
    const named = await streamkit(folder.path, ["process", ...args, "--once", "--format", "lines"]);
    expect(named.stdout.split("\n").length).toBe(4);
  });
});

describe("write and verify take the same", () => {
  test("from Parquet and compressed files", async () => {
    const { table } = await parquetFiles({ table: "SELECT range + 1 AS n FROM range(2)" });
    using folder = await folderOf({ "in/t.parquet": table, "a.ndjson.gz": gzipSync(NDJSON) });
    for (const from of ["in/*.parquet", "a.ndjson.gz"]) {
      const name = from === "a.ndjson.gz" ? "b" : "a";
      expect((await streamkit(folder.path, ["write", "--in", from, "--once", "--table", name])).code).toBe(0);
      const { stdout } = await streamkit(folder.path, [
        "query",
        `SELECT sum(n)::INT AS s FROM ${name}`,
        "--format",
        "csv",
      ]);
      expect(stdout).toBe("s\n3\n");
      const verify = ["verify", "--input", from, "--mode", "update", "--sql", COUNT];
      expect((await streamkit(folder.path, verify)).stdout).toContain("OK");
    }
  }, 60_000);
});

describe("standard input", () => {
  const process_ = ["process", "--mode", "complete", "--sql", COUNT];
  const piped = (bytes: Uint8Array) => streamkit("/", process_, Uint8Array.from(bytes));

  test("may be compressed, or begin with a hole", async () => {
    const marked = Buffer.from(`\uFEFF${NDJSON}`, "utf16le");
    for (const bytes of [
      gzipSync(NDJSON),
      Bun.zstdCompressSync(NDJSON),
      marked,
      Buffer.from(`\0\0\0${NDJSON}`),
    ])
      expect((await piped(bytes)).stdout).toContain('"n":2,"s":3');
  }, 60_000);

  test("that is cut off or something else is said to be so, after what came before", async () => {
    const whole = gzipSync(
      Array.from({ length: 20_000 }, (_, n) => `${JSON.stringify({ n: n % 7 })}\n`).join(""),
    );
    const cut = await piped(whole.subarray(0, whole.length - 2000));
    expect(cut.stdout).toContain('"n":');
    expect(cut.code).toBe(1);
    expect(cut.stderr).toContain("The standard input can't be read to its end: its gzip data is cut off");
    const foreign = await piped(Buffer.from("PK\u0003\u0004abc"));
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toContain(
      "The standard input is a zip archive, which is not read: unpack it first",
    );
  }, 60_000);
});
