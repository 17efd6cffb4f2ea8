/**
 * How far a channel was delivered, saved so that a crash in the middle leaves the save before it: two slots
 * of one file, written by turns, each with a checksum and a number. Both are there from the start, so that a
 * full disk can be drained: to free room needs none.
 */

import { join } from "node:path";
import { crc32 } from "node:zlib";
import { StreamkitError } from "../../base/error.ts";
import type { DeliveryState, Place } from "./channel.ts";
import type { Disk } from "./disk.ts";

interface SavedPosition extends Place {
  readonly state?: DeliveryState | undefined;
}

export interface PositionFile {
  readonly saved: SavedPosition | undefined;
  save(position: SavedPosition): Promise<void>;
  close(): Promise<void>;
}

const SLOT_BYTES = 262_144;
/** Checksum, length and number of the save, before the JSON. */
const HEAD_BYTES = 16;

export async function openPosition(folder: string, disk: Disk): Promise<PositionFile> {
  const path = join(folder, "position");
  const file = await disk.open(path, "any");
  const found: { number: number; position: SavedPosition }[] = [];
  const isNew = (await file.sizeBytes()) < 2 * SLOT_BYTES;
  if (isNew) await file.write(Buffer.alloc(2 * SLOT_BYTES), 0);
  for (const slot of [0, 1]) {
    const bytes = Buffer.alloc(SLOT_BYTES);
    await file.read(bytes, slot * SLOT_BYTES);
    const length = bytes.readUInt32LE(4);
    const isWhole = length > 0 && length <= SLOT_BYTES - HEAD_BYTES;
    if (!isWhole || crc32(bytes.subarray(4, HEAD_BYTES + length)) !== bytes.readUInt32LE(0)) continue;
    const position = JSON.parse(bytes.toString("utf8", HEAD_BYTES, HEAD_BYTES + length)) as SavedPosition;
    found.push({ number: bytes.readDoubleLE(8), position });
  }
  if (isNew) {
    await file.sync();
    await disk.syncFolder(folder);
  }
  const last = found.toSorted((a, b) => a.number - b.number).at(-1);
  let number = last?.number ?? 0;
  return {
    saved: last?.position,
    async save(position) {
      const json = Buffer.from(JSON.stringify(position));
      if (json.length > SLOT_BYTES - HEAD_BYTES)
        throw new StreamkitError(
          "bug",
          `A channel's position has ${json.length} bytes: its slot is too small`,
        );
      number += 1;
      const bytes = Buffer.alloc(HEAD_BYTES + json.length);
      bytes.writeUInt32LE(json.length, 4);
      bytes.writeDoubleLE(number, 8);
      bytes.set(json, HEAD_BYTES);
      bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
      await file.write(bytes, (number % 2) * SLOT_BYTES);
      await file.sync();
    },
    close: () => file.close(),
  };
}
