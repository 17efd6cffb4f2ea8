/** One hash of everything that a build is made from. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Of the names and bytes of `inputs` (files and folders below `root`) and of the runtime that builds. */
export function fingerprint(root: string, inputs: readonly string[]): string {
  const hash = createHash("sha256").update(`${process.versions["bun"]} ${process.platform} ${process.arch}`);
  for (const name of inputs.flatMap((input) => filesBelow(root, input))) {
    hash.update(`\0${name}\0`).update(readFileSync(join(root, name)));
  }
  return hash.digest("hex");
}

function filesBelow(root: string, input: string): string[] {
  if (statSync(join(root, input)).isFile()) return [input];
  const names = readdirSync(join(root, input), { recursive: true, encoding: "utf8" }).toSorted();
  return names.map((name) => join(input, name)).filter((name) => statSync(join(root, name)).isFile());
}
