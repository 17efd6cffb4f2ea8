/** Files on their way: several at a time, with a bound, and to a file of this machine. */

import { open } from "node:fs/promises";

/** The results in the order of the items. The first failure is thrown when what is under way has ended. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const left = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of left) {
      if (failures.length > 0) return;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}

/** Writes what an answer holds into a file, as it comes. */
export async function saveBody(body: ReadableStream<Uint8Array>, localFile: string): Promise<void> {
  const file = await open(localFile, "w");
  try {
    for await (const chunk of body) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}
