/**
 * Gzip: members one after the other, as `cat a.gz b.gz` and block-wise compressors make them. Each runtime's
 * own reader of members gives up what it has read when something else follows the last one, so the members
 * are taken apart here, and only what is in them is inflated by `node:zlib`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1952
 */

import { crc32, createInflateRaw } from "node:zlib";
import { type ByteReader, byteReader } from "./byte-reader.ts";
import { BadBytes, broken, type Chunks, type Ending } from "./ending.ts";
import { UNPACKED_BYTES, zlibPump } from "./zlib-pump.ts";

/** What every member begins with: the format, and the only method there is. */
export const GZIP_MAGIC: readonly number[] = [0x1f, 0x8b, 0x08];

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const FED_BYTES = 65_536;
const [HAS_CRC, HAS_EXTRA, HAS_NAME, HAS_COMMENT] = [2, 4, 8, 16];
const SIZE_MODULUS = 2 ** 32;

/** What is packed in the chunks, and how that ends. Never throws for what the bytes are. */
export async function* gunzip(chunks: Chunks): AsyncGenerator<Buffer, Ending> {
  const reader = byteReader(chunks);
  try {
    do yield* member(reader);
    while (await isMemberNext(reader));
    return { is: "whole", hasTrailingBytes: (await reader.peek(1)).length > 0 };
  } catch (error) {
    if (error instanceof BadBytes) return error.ending;
    throw error;
  } finally {
    await reader.close();
  }
}

/** NULs are padding, as tapes and block devices want it. */
async function isMemberNext(reader: ByteReader): Promise<boolean> {
  for (;;) {
    const [first] = await reader.peek(1);
    if (first !== 0) break;
    await reader.take(1);
  }
  const next = await reader.peek(GZIP_MAGIC.length);
  return next.length === GZIP_MAGIC.length && GZIP_MAGIC.every((byte, index) => next[index] === byte);
}

async function* member(reader: ByteReader): AsyncGenerator<Buffer, void> {
  await passHeader(reader);
  const pump = zlibPump(createInflateRaw({ chunkSize: UNPACKED_BYTES }));
  let checksum = 0;
  let sizeBytes = 0;
  try {
    for (let fed = 0; ; ) {
      const bytes = await reader.takeSome(FED_BYTES);
      for await (const out of inflated(pump.feed(bytes))) {
        checksum = crc32(out, checksum);
        sizeBytes += out.length;
        yield out;
      }
      const used = pump.usedBytes() - fed;
      fed += used;
      if (used === bytes.length) continue;
      reader.giveBack(bytes.subarray(used));
      break;
    }
  } finally {
    pump.close();
  }
  const trailer = await reader.take(TRAILER_BYTES);
  if (trailer.readUInt32LE(0) !== checksum) throw broken("the checksum of its gzip data is another one");
  if (trailer.readUInt32LE(4) !== sizeBytes % SIZE_MODULUS)
    throw broken("the length of its gzip data is another one");
}

async function* inflated(out: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  try {
    yield* out;
  } catch (error) {
    throw broken(`its gzip data is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function passHeader(reader: ByteReader): Promise<void> {
  const header = await reader.take(HEADER_BYTES);
  const flags = header[3] ?? 0;
  if ((flags & HAS_EXTRA) !== 0) await reader.take((await reader.take(2)).readUInt16LE(0));
  if ((flags & HAS_NAME) !== 0) await reader.takeUntil(0);
  if ((flags & HAS_COMMENT) !== 0) await reader.takeUntil(0);
  if ((flags & HAS_CRC) !== 0) await reader.take(2);
}
