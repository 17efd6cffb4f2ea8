/** Files of JSON that a question names by itself. */

import { glob } from "tinyglobby";
import { refuseDeepFile } from "../formats/json-files.ts";

const TEXT = /'((?:[^']|'')+)'/g;
const JSON_NAME = /\.(?:json|ndjson|jsonl)(?:\.gz|\.zst)?$/i;

/** One whose columns DuckDB could only tell by too deep a recursion is refused. Throws code `input`. */
export async function refuseDeepFiles(question: string): Promise<void> {
  const readsJson = /\bread_(?:nd)?json/i.test(question);
  for (const [, quoted = ""] of question.matchAll(TEXT)) {
    const name = quoted.replaceAll("''", "'");
    if ((!readsJson && !JSON_NAME.test(name)) || name.includes("://")) continue;
    for (const file of await glob(name, { absolute: true, expandDirectories: false }))
      await refuseDeepFile(file);
  }
}
