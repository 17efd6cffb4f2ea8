/** The project's own files as the tidy rules see them. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, posix } from "node:path";

export interface SourceFile {
  /** From the project's root, like `src/main.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** From the project's root. */
  readonly path: string;
  readonly line: number;
  /** False for a file that is only named (`new URL("./x.ts", import.meta.url)`), as a worker is. */
  readonly isLinked: boolean;
}

export const ROOT = join(import.meta.dirname, "../..");

const EXTENSIONS = new Set([".ts", ".tsx", ".css", ".html", ".sh", ".sql", ".c", ".cc", ".h"]);
const SPECIFIERS = [
  { pattern: /\bfrom\s*"(\.[^"]+)"/g, isLinked: true },
  { pattern: /\bimport\s*\(?\s*"(\.[^"]+)"/g, isLinked: true },
  { pattern: /\bnew URL\(\s*"(\.[^"]+)",\s*import\.meta\.url/g, isLinked: false },
];

/** Every file of ours that people read, in the order of their paths. */
export function readTree(folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => {
      const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
      return names.map((name) => posix.join(folder, name));
    })
    .filter((path) => EXTENSIONS.has(extname(path)) && statSync(join(ROOT, path)).isFile())
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

/** The files that `file` names by relative paths; packages are left out. */
export function importsOf(file: SourceFile): Import[] {
  const code = withoutComments(file.text);
  return SPECIFIERS.flatMap(({ pattern, isLinked }) =>
    [...code.matchAll(pattern)].map((match) => ({
      path: posix.join(posix.dirname(file.path), match[1] ?? ""),
      line: code.slice(0, match.index).split("\n").length,
      isLinked,
    })),
  );
}

/** The code with its comments blanked; lines keep their numbers. */
export function withoutComments(text: string): string {
  // A comment stands at the start of a line or after a blank: "src/**/*.ts" is none.
  return text.replace(/(?<=^|\s)(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*)/gm, (comment) =>
    comment.replace(/[^\n]/g, ""),
  );
}

export function isCode(file: SourceFile): boolean {
  return /\.tsx?$/.test(file.path);
}

export function isShipped(file: SourceFile): boolean {
  return file.path.startsWith("src/") || file.path.startsWith("web/");
}
