/**
 * The page's files: from inside the binary, from `dist/web`, or, run from source in Bun, built when asked
 * for.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StreamkitError } from "../base/error.ts";
import { embeddedFiles } from "./embedded.ts";

export interface WebAsset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "app.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

const loading = new Map<string, Promise<WebAsset>>();
let building: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

/**
 * The file called `name`; undefined where the page has no such file. Throws code `io` where it can't be had.
 */
export function webAsset(name: string): Promise<WebAsset | undefined> {
  const contentType = Object.hasOwn(CONTENT_TYPES, name) ? CONTENT_TYPES[name] : undefined;
  if (contentType === undefined) return Promise.resolve(undefined);
  let asset = loading.get(name);
  if (asset === undefined) {
    asset = bytesOf(name).then((bytes) => ({ bytes: new Uint8Array(bytes), contentType }));
    loading.set(name, asset);
  }
  return asset;
}

async function bytesOf(name: string): Promise<Uint8Array> {
  const embedded = embeddedFiles[`web/${name}`];
  if (embedded !== undefined) return readFileSync(embedded);
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const built = join(root, "dist/web", name);
  const canBuild = "Bun" in globalThis;
  if (existsSync(built) && (!canBuild || isFresh(built, root))) return readFileSync(built);
  if (!canBuild)
    throw new StreamkitError("io", "The page is not built: run `npm run build` first, or start with Bun");
  building ??= buildNow();
  const bytes = (await building).get(name);
  if (bytes === undefined) throw new StreamkitError("bug", `The page was built without "${name}"`);
  return bytes;
}

async function buildNow(): Promise<ReadonlyMap<string, Uint8Array>> {
  // Not a plain import: the bundler stays out of the binary.
  const builder = new URL("../build/web.ts", import.meta.url).href;
  const { buildWeb } = (await import(builder)) as {
    buildWeb: () => Promise<ReadonlyMap<string, Uint8Array>>;
  };
  return buildWeb();
}

/** True where the built file is younger than everything it is made of. */
function isFresh(built: string, root: string): boolean {
  const builtAtMs = statSync(built).mtimeMs;
  return ["web", "src/server"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .every((file) => statSync(file).mtimeMs <= builtAtMs);
}
