/**
 * Where a source began that has no commit yet, beside its segments: what comes while it is stopped lies
 * behind that, also with `start: latest`.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../base/durable.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Start } from "../kafka/reader.ts";
import { partitionName } from "../kafka/topics.ts";
import type { KafkaSourceOptions } from "./kafka-options.ts";
import { type KafkaPosition, positionOf } from "./kafka-position.ts";
import type { SourceContext } from "./source.ts";

const NAME = "opening.json";

const opening = z.strictObject({
  /** What the job asked for: another wish begins anew. */
  start: z.unknown(),
  position: z.strictObject({ next: z.record(z.string(), z.number()), ids: z.record(z.string(), z.string()) }),
});

/** Undefined where it has not begun, or was to begin elsewhere. Code `io`: the file can't be read. */
export async function keptOpening(
  { start }: KafkaSourceOptions,
  { segmentFolder }: SourceContext,
): Promise<KafkaPosition | undefined> {
  const file = join(segmentFolder, NAME);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new StreamkitError("io", `"${file}" can't be read: ${messageOf(error)}`, { cause: error });
  });
  if (text === undefined) return undefined;
  const kept = opening.safeParse(parsed(text));
  if (!kept.success)
    throw new StreamkitError(
      "io",
      `"${file}" says where the source began and is damaged: remove it to begin where \`start\` says`,
    );
  return JSON.stringify(kept.data.start) === JSON.stringify(start) ? kept.data.position : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Before the first record is read. */
export async function keepOpening(
  starts: readonly Start[],
  { start }: KafkaSourceOptions,
  { segmentFolder, isDurable }: SourceContext,
): Promise<void> {
  if (!isDurable) return;
  const position = positionOf(starts.map((one) => ({ ...one, name: partitionName(one) })));
  await replaceFile(join(segmentFolder, NAME), `${JSON.stringify({ start, position })}\n`);
}
