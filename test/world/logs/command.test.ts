/** `streamkit formats`, and flags of formats, as a person types them. */

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { formats } from "../../../src/formats/list.ts";

const MAIN = path.join(import.meta.dirname, "../../../src/main.ts");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function streamkit(folder: string, args: readonly string[], stdin?: Uint8Array): Promise<Ran> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
    stdin: stdin ?? null,
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}

async function inFolder<Result>(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-formats-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const AT = "[22/Mar/2025:18:07:49 +0000]";
const COMBINED = `192.0.2.1 - - ${AT} "GET / HTTP/1.1" 200 612 "-" "curl/8.5.0"`;

test("without a file, it lists every format with its columns", async () => {
  const { code, stdout } = await streamkit(".", ["formats"]);
  expect(code).toBe(0);
  for (const { name, summary } of formats)
    expect(stdout).toMatch(new RegExp(`^${name} +${summary.slice(0, 10)}`, "m"));
  expect(stdout).toContain(
    "columns: ts, host, app, facility, severity, pid, msgid, message, structured_data",
  );
});

describe("a file's format is found", () => {
  const FILES: readonly (readonly [format: string, lines: readonly string[]])[] = [
    ["combined", [COMBINED, COMBINED]],
    ["common", [COMBINED.slice(0, -19), COMBINED.slice(0, -19)]],
    ["main", [`${COMBINED} "-"`, `${COMBINED} "198.51.100.7"`]],
    ["vhost_combined", [`a.example:443 ${COMBINED}`]],
    ["traefik_clf", [`${COMBINED} 12 "r" "http://s" 1ms`]],
    ["syslog", ["2026-01-12T11:15:58.792703+02:00 nas1 sshd[15819]: Invalid user"]],
    ["logfmt", ['ts=2026-01-05T14:30:00Z level=info msg="it works"', "level=warn msg=x"]],
    ["json", ['{"a":1,"b":"x"}', '{"a":2}']],
    ["csv", ["a,b", "1,x", "2,y"]],
    ['csv with ";"', ["a;b", "1,5;x", "2,5;y"]],
    ["iis", ["#Fields: date time c-ip sc-status sc-win32-status", "2023-11-22 05:12:01 ::1 200 0"]],
    ["w3c", ["#Fields: date time c-ip sc-status", "2023-11-22 05:12:01 ::1 200"]],
    ["caddy", ['{"ts":1646861401.5,"request":{"method":"GET","uri":"/"},"status":200}']],
    ["traefik", ['{"StartUTC":"2024-01-01T11:00:00Z","RequestMethod":"GET","DownstreamStatus":200}']],
  ];
  const content = Object.fromEntries(
    FILES.map(([, lines], index) => [`log ${index}`, `${lines.join("\n")}\n`]),
  );
  test.each(FILES.map((file, index) => [file[0], index] as const))("%s", (format, index) =>
    inFolder(content, async (folder) => {
      const name = `log ${index}`;
      const { code, stdout, stderr } = await streamkit(folder, ["formats", name]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout.split("\n")[0]).toStartWith(`${name}: ${format} fits 100 %`);
      // The command that it prints is one that runs.
      const args = /streamkit (process .*)$/m.exec(stdout)?.[1] ?? "";
      const words = [...args.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
      const ran = await streamkit(folder, words);
      expect(ran.stdout).toMatch(/^\{"lines":[1-9]\d*\}$/m);
      expect(ran.stderr).not.toContain("could not be read");
    }),
  );
});

test("shares, the first rows and the first reason are told", () =>
  inFolder({ log: `${COMBINED}\n${COMBINED} extra\n${COMBINED} "-"\n${COMBINED}\n` }, async (folder) => {
    const { stdout } = await streamkit(folder, ["formats", "log"]);
    expect(stdout).toContain("log: combined fits 75 % (3 of 4) of 4 lines.");
    expect(stdout).toContain("  main      50 % (2 of 4)");
    expect(stdout.match(/\{"client":"192.0.2.1"/g)?.length).toBe(3);
    expect(stdout).toContain("The first line that does not fit: 11 values where 10 are expected");
    expect(stdout).toContain('log: { from: "file:log", format: combined }');
  }));

test("compressed files and pipes are looked into; what is no text is named", () =>
  inFolder(
    {
      "log.gz": gzipSync(`${COMBINED}\n`),
      "table.parquet": "PAR1\x15\x04\x15\x10",
      "hole.log": `${"\0".repeat(4096)}${COMBINED}\n`,
      "a.zip": "PK\x03\x04",
      empty: "",
      "utf16.log": Buffer.from(`\ufeff${COMBINED}\n`, "utf16le"),
      "odd.log": "some words\nothers\n",
    },
    async (folder) => {
      for (const file of ["log.gz", "utf16.log", "hole.log"]) {
        const { stdout } = await streamkit(folder, ["formats", file]);
        expect(stdout).toContain("combined fits 100 %");
        expect(stdout).toContain(`streamkit process --in file:${file} --format combined`);
      }
      const piped = await streamkit(folder, ["formats", "-"], Buffer.from(`${COMBINED}\n`));
      expect(piped.stdout).toContain("combined fits 100 %");
      const refusals = [
        ["table.parquet", '"table.parquet" is a Parquet file'],
        ["a.zip", '"a.zip" is a zip archive: unpack it first, with unzip'],
        ["empty", '"empty" is empty'],
        ["missing.log", 'There is no file "missing.log"'],
        [".", '"." is a folder'],
      ] as const;
      for (const [file, words] of refusals) {
        const { code, stderr } = await streamkit(folder, ["formats", file]);
        expect([code, stderr.includes(words)]).toEqual([1, true]);
      }
      expect((await streamkit(folder, ["formats", "odd.log"])).stdout).toContain(
        "--format nginx --log-format",
      );
    },
  ));

test("log_format is the same in a flag and in a job file, whose ${name} is the server's", () =>
  inFolder(
    {
      "a.log": `192.0.2.1 ${AT} 0.120\n`,
      "job.yaml": `sources:
  log:
    from: file:a.log
    format: nginx
    log_format: |
      log_format timed '$remote_addr [\${time_local}] '
                       '\${request_time}';
queries: { all_rows: SELECT * FROM log }
sinks: [{ from: all_rows, to: "-" }]
`,
    },
    async (folder) => {
      const row = '{"client":"192.0.2.1","ts":"2025-03-22T18:07:49.000Z","request_time":0.12}';
      const flag = ["--format", "nginx", "--log-format", "$remote_addr [$time_local] $request_time"];
      const byFlag = ["process", "--in", "file:a.log", "--once", ...flag, "--sql", "FROM input"];
      expect((await streamkit(folder, byFlag)).stdout.trim()).toBe(row);
      expect((await streamkit(folder, ["process", "job.yaml", "--once"])).stdout).toContain(row);
      const wrong = await streamkit(folder, [
        "process",
        "--format",
        "apache",
        "--log-format",
        "%Z",
        "--sql",
        "FROM input",
      ]);
      expect([wrong.code, wrong.stderr.includes('--log-format: character 1: "%Z"')]).toEqual([2, true]);
      const unknown = await streamkit(folder, ["process", "--format", "nginxx", "--sql", "FROM input"]);
      for (const { name } of formats) expect(unknown.stderr).toContain(` ${name}, `);
      const set = ["check", "job.yaml", "--set", "sources.log.log_format='$a$b'"];
      expect((await streamkit(folder, set)).stderr).toContain(
        "sources.log.log_format: character 3: nothing stands",
      );
    },
  ));

test("from a pipe of several segments, each has the #Fields that came before it", async () => {
  const lines = 400_000;
  const line = "2023-11-22 05:12:01 200 192.0.2.1 /some/path\n";
  const text = `#Fields: date time sc-status c-ip cs-uri-stem\n${line.repeat(lines)}`;
  const sql = "SELECT count(*) AS n, sum(status) AS s FROM input";
  const { stdout, stderr } = await streamkit(
    ".",
    ["process", "--format", "w3c", "--once", "--sql", sql],
    Buffer.from(text),
  );
  expect(stdout.trim()).toBe(`{"n":${lines},"s":${lines * 200}}`);
  expect(stderr).not.toContain("could not be read");
  expect(text.length).toBeGreaterThan(16 * 1024 * 1024);
});
