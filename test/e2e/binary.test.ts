/** One file that needs nothing: no runtime, no packages, no folder, no environment. */

import { describe, expect, test } from "bun:test";
import { chmodSync, globSync, mkdirSync, readdirSync, statSync, truncateSync } from "node:fs";
import { basename, join } from "node:path";
import ownPackage from "../../package.json";
import { binary, emptyFolder, run } from "../support/binary.ts";

const QUESTION = ["query", "SELECT 6 * 7 AS answer", "--format", "json"];

/** Asks DuckDB in a process of its own; a failure shows what the process said. */
async function answer(cwd: string, env: Readonly<Record<string, string>>): Promise<unknown> {
  const { code, stdout, stderr } = await run(await binary(), QUESTION, { cwd, env });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

function librariesBelow(folder: string): string[] {
  return globSync(join(folder, "**/{duckdb.node,libduckdb.*}")).toSorted();
}

describe("the binary alone", () => {
  test("names the versions that are inside", async () => {
    using folder = emptyFolder();
    const { code, stdout, stderr } = await run(await binary(), ["--version"], { cwd: folder.path, env: {} });
    const { bun } = process.versions;
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `streamkit ${ownPackage.version} (DuckDB 1.5.6, Bun ${bun})\n`,
      stderr: "",
    });
  });

  test("answers from an empty folder without any environment, and leaves the folder empty", async () => {
    using folder = emptyFolder();
    expect(await answer(folder.path, {})).toEqual([{ answer: 42 }]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("is not swayed by files that lie in the user's folder", async () => {
    using folder = emptyFolder();
    await Bun.write(join(folder.path, "bunfig.toml"), 'preload = ["./gone.ts"]\n');
    await Bun.write(join(folder.path, "package.json"), "{ broken");
    await Bun.write(join(folder.path, "tsconfig.json"), "{ broken");
    expect(await answer(folder.path, {})).toEqual([{ answer: 42 }]);
  });
});

describe("the cache of native libraries", () => {
  test("serves two first starts at once", async () => {
    using folder = emptyFolder();
    const env = { XDG_CACHE_HOME: folder.path };
    const answers = await Promise.all([answer("/", env), answer("/", env)]);
    expect(answers).toEqual([[{ answer: 42 }], [{ answer: 42 }]]);
    expect(librariesBelow(folder.path).map((path) => basename(path))).toEqual([
      "duckdb.node",
      "libduckdb.so",
    ]);
    expect(readdirSync(join(librariesBelow(folder.path)[0] ?? "", ".."))).toHaveLength(2);
  });

  test("heals what was cut short", async () => {
    using folder = emptyFolder();
    const env = { XDG_CACHE_HOME: folder.path };
    await answer("/", env);
    const sizes = librariesBelow(folder.path).map((path) => statSync(path).size);
    for (const path of librariesBelow(folder.path)) truncateSync(path, 1000);
    expect(await answer("/", env)).toEqual([{ answer: 42 }]);
    expect(librariesBelow(folder.path).map((path) => statSync(path).size)).toEqual(sizes);
  });

  test("is in the temporary folder where the home can't be written", async () => {
    using folder = emptyFolder();
    const env = { XDG_CACHE_HOME: "/dev/null/cache", HOME: "/dev/null", TMPDIR: folder.path };
    expect(await answer("/", env)).toEqual([{ answer: 42 }]);
    expect(librariesBelow(folder.path)).toHaveLength(2);
  });

  test("is not in a folder where others could put a library of theirs", async () => {
    using folder = emptyFolder();
    const shared = join(folder.path, "streamkit");
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    const home = join(folder.path, "home");
    expect(await answer("/", { XDG_CACHE_HOME: folder.path, HOME: home })).toEqual([{ answer: 42 }]);
    expect(librariesBelow(shared)).toEqual([]);
    expect(librariesBelow(join(home, ".cache"))).toHaveLength(2);
  });
});

describe("a slip of the finger", () => {
  const slips = [
    { args: ["simulat"], meant: "simulate" },
    { args: ["simulate", "quotes", "--rat", "5"], meant: "--rate" },
    { args: ["query", "SELECT 1", "--formt", "json"], meant: "--format" },
  ];
  for (const { args, meant } of slips) {
    test(`${args.join(" ")}: asks whether ${meant} was meant, and does nothing`, async () => {
      const { code, stdout, stderr } = await run(await binary(), args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(`Did you mean ${meant}?`);
    });
  }
});
