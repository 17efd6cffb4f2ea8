/**
 * Writes the manual's page of all keys of a job from the job schema.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jobReference } from "./job-reference.ts";

const BEGIN = "<!-- job reference: written by npm run readme -->";
const END = "<!-- end of job reference -->";
const path = fileURLToPath(new URL("../manual/reference.md", import.meta.url));

/** The page with its reference as the schema has it now. */
export function withReference(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error("src/manual/reference.md has lost the marks of its reference");
  return `${page.slice(0, begin + BEGIN.length)}\n\n${jobReference()}\n${page.slice(end)}`;
}

if (import.meta.main) writeFileSync(path, withReference(readFileSync(path, "utf8")));
