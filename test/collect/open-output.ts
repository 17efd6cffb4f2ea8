/** Outputs as a pipeline opens them, and what they have written. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveOutput } from "../../src/collect/outputs/list.ts";
import type { Output, OutputContext } from "../../src/collect/outputs/output.ts";
import { outputContext } from "./channels.ts";

export async function open(
  to: unknown,
  context: Partial<OutputContext> & { baseFolder: string },
): Promise<Output> {
  const { kind, options } = resolveOutput(to);
  return kind.open(options, { ...outputContext(context.baseFolder), ...context });
}

/** What the pump does between two batches. */
export async function commit(output: Output): Promise<Awaited<ReturnType<Output["sync"]>>> {
  const state = await output.sync();
  await output.committed?.();
  return JSON.parse(JSON.stringify(state ?? null)) as typeof state;
}

/** All files below a folder, with what they hold. */
export function tree(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    entries
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted()
      .map((file) => [file.slice(folder.length + 1), readFileSync(file, "utf8")]),
  );
}
