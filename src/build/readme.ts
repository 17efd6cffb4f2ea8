/**
 * Writes the reference part of the README from the job schema.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jobReference } from "./job-reference.ts";

const BEGIN = "<!-- job reference: written by npm run readme -->";
const END = "<!-- end of job reference -->";
const path = fileURLToPath(new URL("../../README.md", import.meta.url));

/** The README with its reference part as the schema has it now. */
export function withReference(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("README.md has lost the marks of its reference part");
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${jobReference()}\n${readme.slice(end)}`;
}

if (import.meta.main) writeFileSync(path, withReference(readFileSync(path, "utf8")));
