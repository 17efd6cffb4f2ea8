/**
 * Kafka's addon does the same in Bun, in Deno, in Node and inside a compiled binary, and under
 * AddressSanitizer.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DENO } from "../runtimes/deno.ts";
import { sharedKafka } from "../services/kafka.ts";
import { ROOT } from "../tidy/tree.ts";
import { bundleForNode, compileExecutable, KAFKA_ADDON } from "./compile.ts";

const SMOKE = join(ROOT, "test/native/smoke.ts");
const BIN = join(ROOT, "node_modules/.bin");
const TIMEOUT_MS = 120_000;

let folder = "";
let brokers = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "streamkit-native-"));
  ({ brokers } = await sharedKafka());
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(command: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const env = {
    ...process.env,
    KAFKA_BROKERS: brokers,
    XDG_CACHE_HOME: join(folder, "cache"),
    ...environment,
  };
  const child = Bun.spawn([...command], { env, stdout: "pipe", stderr: "pipe" });
  const [out, words] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, passed: /^smoke passed.*$/m.exec(out)?.[0], words };
}

const PASSED = { code: 0, passed: "smoke passed: librdkafka 2.15.1", words: "" };

describe("the smoke test passes", () => {
  test("in Bun", async () => expect(await run([join(BIN, "bun"), SMOKE])).toEqual(PASSED), TIMEOUT_MS);

  test("in Deno", async () => expect(await run([DENO, "run", "-A", SMOKE])).toEqual(PASSED), TIMEOUT_MS);

  test(
    "in Node",
    async () => {
      const bundle = join(folder, "smoke.mjs");
      await bundleForNode(SMOKE, bundle, KAFKA_ADDON);
      expect(await run(["node", bundle])).toEqual(PASSED);
    },
    TIMEOUT_MS,
  );

  test(
    "inside a compiled binary",
    async () => {
      const binary = join(folder, "smoke");
      await compileExecutable(SMOKE, binary, KAFKA_ADDON);
      expect(await run([binary])).toEqual(PASSED);
    },
    TIMEOUT_MS,
  );

  test("in Node under AddressSanitizer", async () => {
    const built = execFileSync("bash", ["src/build/kafka-addon.sh", "--sanitize"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    const bundle = join(folder, "smoke-sanitize.mjs");
    await bundleForNode(SMOKE, bundle, built.trim());
    const library = execFileSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
    const options = {
      LD_PRELOAD: library,
      ASAN_OPTIONS: "detect_leaks=1:exitcode=99",
      LSAN_OPTIONS: `suppressions=${join(ROOT, "test/native/leaks.supp")}:print_suppressions=0`,
    };
    expect(await run(["node", bundle], options)).toEqual(PASSED);
  }, 300_000);
});

test(
  "a binary that was built without the addon says what is missing and the way out",
  async () => {
    const binary = join(folder, "without");
    await compileExecutable(SMOKE, binary, undefined);
    const { code, words } = await run([binary]);
    expect(code).toBe(1);
    expect(words).toContain("Cannot load Kafka's native library (this binary was built without it)");
    expect(words).toContain("npm run build:kafka");
  },
  TIMEOUT_MS,
);
