/**
 * Records that were written whole and are damaged now: by the disk, or by another program. What stands behind
 * them is still good. Their bytes go into a file of their own, and the channel goes on with the next record.
 */

import type { Disk, DiskFile } from "./disk.ts";
import { decodeBlock, headerReader, MAGIC_BYTES } from "./record.ts";

/** Bytes of a segment file. */
export interface DamagedPart {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

const READ_BYTES = 1_048_576;

/** The offset of the first whole record behind a damaged one; undefined where there is none before `end`. */
export async function nextRecord(
  file: DiskFile,
  damagedAt: number,
  end: number,
): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  // Pieces overlap by a magic less a byte, so that none is cut in two.
  for (let offset = damagedAt + 1; offset < end; offset += READ_BYTES - MAGIC_BYTES.length + 1) {
    const length = await file.read(buffer.subarray(0, Math.min(READ_BYTES, end - offset)), offset);
    const bytes = buffer.subarray(0, length);
    for (let at = bytes.indexOf(MAGIC_BYTES); at >= 0; at = bytes.indexOf(MAGIC_BYTES, at + 1))
      if (await isRecord(file, offset + at, end)) return offset + at;
  }
  return undefined;
}

async function isRecord(file: DiskFile, offset: number, end: number): Promise<boolean> {
  for (let wanted = MAGIC_BYTES.length; offset + wanted <= end; ) {
    const buffer = Buffer.allocUnsafe(wanted);
    const bytes = buffer.subarray(0, await file.read(buffer, offset));
    const record = decodeBlock(bytes, headerReader());
    if (record.kind !== "short") return record.kind === "block";
    if (bytes.length < wanted) return false;
    wanted = record.sizeBytes;
  }
  return false;
}

function damagedFile({ path, from }: DamagedPart): string {
  return `${path}.${from}.damaged`;
}

/** Keeps the bytes in a file beside the segment's. May be done again. */
export async function setAside(disk: Disk, part: DamagedPart): Promise<void> {
  const source = await disk.open(part.path, "there");
  const target = await disk.open(damagedFile(part), "any");
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let offset = part.from; offset < part.to; ) {
      const bytes = buffer.subarray(0, await source.read(buffer.subarray(0, part.to - offset), offset));
      if (bytes.length === 0) break;
      await target.write(bytes, offset - part.from);
      offset += bytes.length;
    }
    await target.truncate(part.to - part.from);
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
}

export function damageMessage(part: DamagedPart): string {
  return (
    `"${part.path}" holds no whole record from byte ${part.from} to ${part.to}: the disk or another ` +
    `program changed it, or a power cut left it so. These bytes are kept in "${damagedFile(part)}"; ` +
    "what comes after them is delivered"
  );
}
