/** Completion as shells do it: bash is asked for real, and all three scripts know every command and flag. */

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { bashScript } from "../../src/commands/completion/bash.ts";
import { fishScript } from "../../src/commands/completion/fish.ts";
import { KNOWN_WORDS } from "../../src/commands/completion/script.ts";
import { programSpec } from "../../src/commands/completion/spec.ts";
import { zshScript } from "../../src/commands/completion/zsh.ts";
import { emptyFolder, run } from "../support/binary.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");
const SHELLS = ["bash", "zsh", "fish"] as const;

async function streamkit(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

let scripts: Readonly<Record<(typeof SHELLS)[number], string>>;
let help: ReadonlyMap<string, string>;

beforeAll(async () => {
  const [bash, zsh, fish, all] = await Promise.all([
    streamkit("completion", "bash"),
    streamkit("completion", "zsh"),
    streamkit("completion", "fish"),
    streamkit("--help"),
  ]);
  scripts = { bash, zsh, fish };
  const names = [...all.matchAll(/^ {2}([a-z]+) (?:\[|<| )/gm)].map(([, name = ""]) => name);
  const texts = await Promise.all(names.map((name) => streamkit(name, "--help")));
  help = new Map(names.map((name, index) => [name, texts[index] ?? ""]));
}, 60_000);

/** What bash offers for the last of the words, in a folder with a job, a folder and an SQL file. */
async function offered(lines: readonly (readonly string[])[], script = scripts.bash): Promise<string[][]> {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "job.yaml"), "");
  writeFileSync(join(folder.path, "odd name.sql"), "");
  mkdirSync(join(folder.path, "state"));
  writeFileSync(join(folder.path, "..script"), script);
  const tries = lines.map(
    (words) =>
      `COMP_WORDS=(${["streamkit", ...words].map((word) => `'${word}'`).join(" ")}); ` +
      `COMP_CWORD=${words.length}; COMPREPLY=(); _streamkit; printf '%s\\0' "\${COMPREPLY[@]}"; printf '\\n'`,
  );
  const text = `source ./..script\n${tries.join("\n")}`;
  const { code, stdout, stderr } = await run("bash", ["--norc", "-c", text], { cwd: folder.path });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\0").filter((word) => word !== ""));
}

test("bash completes commands, flags, values, files and folders", async () => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [["pro"], ["process"]],
    [["--v"], ["--version"]],
    [["process", "--check"], ["--checkpoint"]],
    [
      ["process", ""],
      ["job.yaml", "odd name.sql", "state", "..script"],
    ],
    [["process", "jo"], ["job.yaml"]],
    [["process", "job.yaml", "--onc"], ["--once"]],
    [["process", "job.yaml", "jo"], []],
    [
      ["process", "--mode", ""],
      ["append", "update", "complete"],
    ],
    [
      ["process", "--format", "co"],
      ["combined", "common"],
    ],
    [
      ["process", "--format", "=", "co"],
      ["combined", "common"],
    ],
    [
      ["query", "--format", "="],
      ["table", "json", "ndjson", "csv", "parquet"],
    ],
    [["query", "-f", "odd"], ["odd name.sql"]],
    [["query", "SELECT 1", "--ou"], ["--out"]],
    [["process", "--checkpoint", ""], ["state"]],
    [["process", "--sql", ""], []],
    [["process", "--in", "file", ":", "jo"], ["job.yaml"]],
    [
      ["simulate", ""],
      ["quotes", "trades", "access-log"],
    ],
    [
      ["simulate", "--format", "c"],
      ["csv", "combined"],
    ],
    [["simulate", "--rate", "5", "q"], ["quotes"]],
    [["tail", "--from", "e"], ["end"]],
    [["tail", "job.yaml", "jo"], ["job.yaml"]],
    [["completion", ""], [...SHELLS]],
    [["nope", ""], []],
  ];
  const found = await offered(cases.map(([words]) => words));
  cases.forEach(([words, expected], index) => {
    expect([words, found[index]?.toSorted()]).toEqual([words, [...expected].toSorted()]);
  });
});

describe.each(SHELLS)("%s", (shell) => {
  test("knows every command and flag that --help tells", () => {
    const script = scripts[shell];
    expect(help.size).toBeGreaterThan(10);
    for (const [command, text] of help) {
      expect(script).toContain(command);
      const flags = [...text.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, flag = ""]) => flag);
      expect(flags).toContain("help");
      for (const flag of flags)
        expect([command, script.includes(shell === "fish" ? `-l ${flag}` : `--${flag}`)]).toEqual([
          command,
          true,
        ]);
    }
  });
});

test("what is known of values is of flags and arguments that there are", () => {
  const all = [...help.values()].join("\n");
  for (const name of Object.keys(KNOWN_WORDS))
    expect(all).toMatch(new RegExp(name.startsWith("--") ? name : `[<[]${name}[>\\]]`));
});

test("words in quotes stay words in all shells", async () => {
  const odd = new Option("--odd <file>", `it's "so": [a] \\ $(touch pwned) \`touch pwned\``);
  const command = new Command("run").summary("it's: [b]").addOption(odd).argument("[file]", "what");
  const spec = programSpec(new Command("streamkit").addCommand(command), {});
  expect(
    await offered(
      [
        ["run", "--o"],
        ["run", "jo"],
      ],
      bashScript(spec),
    ),
  ).toEqual([["--odd"], ["job.yaml"]]);
  expect(zshScript(spec)).toContain(
    String.raw`'*--odd=[it'\''s "so"\: \[a\] \\ $(touch pwned) ` + "`touch pwned`]:value:_files'",
  );
  expect(zshScript(spec)).toContain(String.raw`'run:it'\''s: [b]'`);
  expect(fishScript(spec)).toContain(
    String.raw`-l odd -r -F -d 'it\'s "so": [a] \\ $(touch pwned) ` + "`touch pwned`'",
  );
});
