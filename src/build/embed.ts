/** Bundler plugins that put files into the binary: DuckDB's and Kafka's libraries and the dashboard. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { BunPlugin } from "bun";

const LIBRARY = /\.(?:node|so|dylib|dll)$/;

/** Replaces `@duckdb/node-bindings`, which looks for its libraries in node_modules. */
export function embedDuckdb(root: string): BunPlugin {
  return {
    name: "embed-duckdb",
    setup(build) {
      build.onResolve({ filter: /^@duckdb\/node-bindings$/ }, () => ({
        path: "bindings",
        namespace: "duckdb",
      }));
      build.onLoad({ filter: /.*/, namespace: "duckdb" }, () => ({
        contents: addonModule(root, "DuckDB", duckdbLibraries(root)),
        loader: "js",
      }));
    },
  };
}

/**
 * Replaces the one module of Kafka's package that looks for its addon in node_modules. Without `addon`, its
 * path, the binary says when Kafka is used that it was built without.
 */
export function embedKafka(root: string, addon: string | undefined): BunPlugin {
  const noAddon = `throw new Error("this binary was built without it");`;
  return {
    name: "embed-kafka",
    setup(build) {
      // The package's modules are CommonJS: they want the addon itself, not a module that exports it.
      build.onLoad({ filter: /kafka-javascript\/librdkafka\.js$/ }, () => ({
        contents:
          addon === undefined ? noAddon : `module.exports = require("streamkit:kafka-addon").default;`,
        loader: "js",
      }));
      build.onResolve({ filter: /^streamkit:kafka-addon$/ }, () => ({ path: "addon", namespace: "kafka" }));
      build.onLoad({ filter: /.*/, namespace: "kafka" }, () => ({
        contents: addonModule(root, "Kafka library", addon === undefined ? [] : [addon]),
        loader: "js",
      }));
    },
  };
}

/** Fills the empty list of `src/runtime/embedded.ts`. `files`: names there → paths at build time. */
export function embedFiles(files: ReadonlyMap<string, string>): BunPlugin {
  return {
    name: "embed-files",
    setup(build) {
      build.onLoad({ filter: /src\/runtime\/embedded\.ts$/ }, () => ({
        contents: filesModule(files),
        loader: "js",
      }));
    },
  };
}

/** `paths` are libraries of one folder, the addon last. */
function addonModule(root: string, title: string, paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(readFileSync(path));
  const libraries = paths.map((path, index) => {
    const fields = { name: basename(path), sizeBytes: statSync(path).size };
    return `{ ...${JSON.stringify(fields)}, embeddedPath: file${index} }`;
  });
  return `${fileImports(paths)}
    import { loadEmbeddedAddon } from ${JSON.stringify(join(root, "src/runtime/embedded-addon.ts"))};
    const contentHash = ${JSON.stringify(hash.digest("hex").slice(0, 16))};
    const title = ${JSON.stringify(title)};
    export default loadEmbeddedAddon({ title, contentHash, libraries: [${libraries.join(", ")}] });`;
}

/** The files that node_modules has for this platform, the addon last. */
function duckdbLibraries(root: string): string[] {
  const libc = isMusl() ? "-musl" : "";
  const folder = join(root, `node_modules/@duckdb/node-bindings-${process.platform}-${process.arch}${libc}`);
  const names = readdirSync(folder).filter((name) => LIBRARY.test(name));
  const isAddon = (name: string) => Number(name.endsWith(".node"));
  return names.toSorted((a, b) => isAddon(a) - isAddon(b)).map((name) => join(folder, name));
}

function isMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return process.platform === "linux" && report?.header?.glibcVersionRuntime === undefined;
}

function filesModule(files: ReadonlyMap<string, string>): string {
  const entries = [...files.keys()].map((name, index) => `${JSON.stringify(name)}: file${index}`);
  return `${fileImports([...files.values()])}\nexport const embeddedFiles = { ${entries.join(", ")} };`;
}

function fileImports(paths: readonly string[]): string {
  return paths.map((path, index) => `import file${index} from "${path}" with { type: "file" };`).join("\n");
}
