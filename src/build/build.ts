/** Builds `dist/streamkit`, the whole product in one file. An unchanged tree is not built twice. */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { globSync } from "tinyglobby";
import { systemClock } from "../base/clock.ts";
import { embedDuckdb, embedFiles, embedKafka } from "./embed.ts";
import { fingerprint } from "./fingerprint.ts";
import { buildWeb } from "./web.ts";

const ROOT = join(import.meta.dirname, "../..");
const BINARY = join(ROOT, "dist/streamkit");
/** Made by `kafka-addon.sh`, which needs a compiler. */
const KAFKA_ADDON =
  "node_modules/@confluentinc/kafka-javascript/build/Release/confluent-kafka-javascript.node";
const HAS_KAFKA = existsSync(join(ROOT, KAFKA_ADDON));
const SOURCES = ["src", "web", "package.json", "package-lock.json", "tsconfig.json"];
const INPUTS = HAS_KAFKA ? [...SOURCES, KAFKA_ADDON] : SOURCES;
/** What the binary in dist was built from. */
const FINGERPRINT = join(ROOT, ".cache/streamkit.fingerprint");

await buildUnlessCurrent();

async function buildUnlessCurrent(): Promise<void> {
  const wanted = fingerprint(ROOT, INPUTS);
  const found = existsSync(FINGERPRINT) ? readFileSync(FINGERPRINT, "utf8") : undefined;
  if (found === wanted && existsSync(BINARY)) return;
  const startedAtMs = systemClock.monotonicMs();
  await buildBinary(new Map([...(await writtenWeb()), ...manualFiles()]));
  writeFileSync(FINGERPRINT, wanted);
  if (!HAS_KAFKA) console.log("dist/streamkit is built without Kafka: npm run build puts it in");
  const seconds = ((systemClock.monotonicMs() - startedAtMs) / 1000).toFixed(1);
  console.log(`dist/streamkit built in ${seconds} s: ${Math.round(statSync(BINARY).size / 1e6)} MB`);
}

/** The manual's pages as files of the binary. */
function manualFiles(): ReadonlyMap<string, string> {
  const folder = join(ROOT, "src/manual");
  return new Map(readdirSync(folder).map((name) => [`manual/${name}`, join(folder, name)]));
}

/** Builds the dashboard into dist/web; returns its files' names in the binary → their paths. */
async function writtenWeb(): Promise<ReadonlyMap<string, string>> {
  const folder = join(ROOT, "dist/web");
  mkdirSync(folder, { recursive: true });
  const paths = new Map<string, string>();
  for (const [name, bytes] of await buildWeb()) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    paths.set(`web/${name}`, path);
  }
  return paths;
}

async function buildBinary(files: ReadonlyMap<string, string>): Promise<void> {
  const folder = join(ROOT, `.cache/build-${process.pid}`);
  // The name goes into the file's bytes: it is always the same, so that the same tree gives the same binary.
  const outfile = join(folder, "streamkit");
  mkdirSync(folder, { recursive: true });
  try {
    const workers = globSync("src/**/*-worker.ts", { cwd: ROOT, absolute: true }).toSorted();
    await Bun.build({
      entrypoints: [join(ROOT, "src/main.ts"), ...workers],
      target: "bun",
      format: "esm",
      // Bytecode halves the start time; source maps keep the file names in a stack trace.
      bytecode: true,
      sourcemap: "inline",
      // Bundled modules stand at the binary's root: a worker started as "./x-worker.ts" must stand there too.
      naming: "[name].[ext]",
      plugins: [
        embedDuckdb(ROOT),
        embedKafka(ROOT, HAS_KAFKA ? join(ROOT, KAFKA_ADDON) : undefined),
        embedFiles(files),
      ],
      // The user's folder is not ours: a .env or bunfig.toml that lies there must not change how we run.
      compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
    });
    // A rename leaves alone whoever is running the old one.
    renameSync(outfile, BINARY);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
