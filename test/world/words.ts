/** What the program says while something runs. */

import { configureLogging } from "../../src/base/log.ts";

export async function lastWords(action: () => Promise<void>): Promise<string> {
  const lines: string[] = [];
  configureLogging("info", (line) => lines.push(line));
  try {
    await action();
  } finally {
    configureLogging("error", () => {});
  }
  return lines.join("\n");
}
