/** Bundles the dashboard's page: three text files and an icon that need nothing from elsewhere. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StreamkitError } from "../base/error.ts";

const WEB = join(import.meta.dirname, "../../web");

/** The page's files, by name. Needs Bun. */
export async function buildWeb(): Promise<ReadonlyMap<string, Uint8Array>> {
  const [script, style] = await Promise.all([bundled("main.tsx"), bundled("style.css")]);
  return new Map([
    ["index.html", readFileSync(join(WEB, "index.html"))],
    ["icon.svg", readFileSync(join(WEB, "icon.svg"))],
    ["app.js", script],
    ["app.css", style],
  ]);
}

async function bundled(entry: string): Promise<Uint8Array> {
  const result = await Bun.build({
    entrypoints: [join(WEB, entry)],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const [output, ...more] = result.outputs;
  if (output === undefined || more.length > 0)
    throw new StreamkitError("bug", `${entry} must become one file`);
  return new Uint8Array(await output.arrayBuffer());
}
