/**
 * Builds a test's script as the product is built: into an executable, or for Node with the addon given by
 * path.
 */

import { join } from "node:path";
import type { BunPlugin } from "bun";
import { embedKafka } from "../../src/build/embed.ts";
import { ROOT } from "../tidy/tree.ts";

export const KAFKA_ADDON = join(
  ROOT,
  "node_modules/@confluentinc/kafka-javascript/build/Release/confluent-kafka-javascript.node",
);

/** Without `addon` as where there is no compiler. */
export async function compileExecutable(
  script: string,
  outfile: string,
  addon: string | undefined,
): Promise<void> {
  await Bun.build({
    entrypoints: [script],
    target: "bun",
    plugins: [embedKafka(ROOT, addon)],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
}

export async function bundleForNode(script: string, outfile: string, addon: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: [script],
    target: "node",
    plugins: [addonAt(addon)],
    // Found in node_modules: the bundle must stand below the package's folder then.
    external: ["@duckdb/node-bindings"],
  });
  const [output] = result.outputs;
  if (output === undefined) throw new Error(`${script} made no bundle`);
  await Bun.write(outfile, output);
}

function addonAt(path: string): BunPlugin {
  return {
    name: "addon-at",
    setup(build) {
      build.onLoad({ filter: /kafka-javascript\/librdkafka\.js$/ }, () => ({
        contents: `process.dlopen(module, ${JSON.stringify(path)});`,
        loader: "js",
      }));
    },
  };
}
