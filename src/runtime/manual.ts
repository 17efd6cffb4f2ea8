/** The manual's pages: from inside the binary, or from `src/manual`. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { embeddedFiles } from "./embedded.ts";

const FOLDER = "manual/";

/** The names of all pages, in the order of the alphabet. */
export function manualTopics(): readonly string[] {
  const embedded = Object.keys(embeddedFiles).filter((name) => name.startsWith(FOLDER));
  const names =
    embedded.length > 0 ? embedded.map((name) => name.slice(FOLDER.length)) : readdirSync(folder());
  return names.flatMap((name) => (name.endsWith(".md") ? [name.slice(0, -3)] : [])).toSorted();
}

/** The Markdown of one of them. */
export function manualPage(topic: string): string {
  const name = `${FOLDER}${topic}.md`;
  return readFileSync(embeddedFiles[name] ?? `${folder()}${topic}.md`, "utf8");
}

function folder(): string {
  return fileURLToPath(new URL("../manual/", import.meta.url));
}
