/**
 * Zstandard: frames one after the other, some to be passed over. Not every runtime reads more than the first
 * frame, or says that one has no end, so the frames are taken apart here, and each is decompressed by
 * `node:zlib`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8878
 */

import * as zlib from "node:zlib";
import { StreamkitError } from "../base/error.ts";
import { type ByteReader, byteReader } from "./byte-reader.ts";
import { BadBytes, broken, type Chunks, type Ending } from "./ending.ts";
import { UNPACKED_BYTES, type ZlibPump, zlibPump } from "./zlib-pump.ts";

const MAGIC = 0xfd2fb528;
/** The last digit is whatever its maker wanted. */
const SKIPPABLE = 0x184d2a50;
const MAGIC_BYTES = 4;
/** What `node:zlib` takes; `zstd --long=31` and `--ultra` may ask for more. */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024;
/** Blocks that go in together: each unfolds to 128 KiB at most. */
const FED_BYTES = 65_536;
const FED_BLOCKS = 32;
const RUN = 1;
const RESERVED = 3;

export function isZstd(firstBytes: Buffer): boolean {
  return kindOf(firstBytes) !== undefined;
}

function kindOf(bytes: Buffer): "frame" | "skippable" | undefined {
  if (bytes.length < MAGIC_BYTES) return undefined;
  const magic = bytes.readUInt32LE(0);
  if (magic === MAGIC) return "frame";
  return magic - (magic & 0xf) === SKIPPABLE ? "skippable" : undefined;
}

/** What is packed in the chunks, and how that ends. Never throws for what the bytes are. */
export async function* unzstd(chunks: Chunks): AsyncGenerator<Buffer, Ending> {
  const reader = byteReader(chunks);
  try {
    for (;;) {
      const magic = await reader.peek(MAGIC_BYTES);
      const kind = kindOf(magic);
      if (kind === undefined) return { is: "whole", hasTrailingBytes: magic.length > 0 };
      if (kind === "frame") yield* frame(reader);
      else await passOver(reader);
    }
  } catch (error) {
    if (error instanceof BadBytes) return error.ending;
    throw error;
  } finally {
    await reader.close();
  }
}

async function passOver(reader: ByteReader): Promise<void> {
  await reader.take(MAGIC_BYTES);
  for (let left = (await reader.take(4)).readUInt32LE(0); left > 0; )
    left -= (await reader.takeSome(Math.min(left, FED_BYTES))).length;
}

async function* frame(reader: ByteReader): AsyncGenerator<Buffer, void> {
  const { bytes, sizeBytes, hasChecksum } = await frameHeader(reader);
  const pump = zlibPump(decompressor());
  let unpackedBytes = 0;
  try {
    for await (const fed of fedBlocks(reader, bytes, hasChecksum))
      for await (const out of decompressed(pump, fed)) {
        unpackedBytes += out.length;
        yield out;
      }
  } finally {
    pump.close();
  }
  if (sizeBytes !== undefined && sizeBytes !== BigInt(unpackedBytes))
    throw broken("the length of its zstd data is another one");
}

/** Code `input` in a runtime that has none: Node has it from version 22.15 on. */
function decompressor(): zlib.ZstdDecompress {
  const make: typeof zlib.createZstdDecompress | undefined = zlib.createZstdDecompress;
  if (make === undefined)
    throw new StreamkitError(
      "input",
      "Zstandard is not read by this runtime: Bun, Deno and Node 22.15 read it",
    );
  return make({ chunkSize: UNPACKED_BYTES });
}

async function* decompressed(pump: ZlibPump, fed: Buffer): AsyncGenerator<Buffer, void> {
  try {
    yield* pump.feed(fed);
  } catch (error) {
    throw broken(`its zstd data is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The frame's bytes, a few whole blocks at a time. */
async function* fedBlocks(
  reader: ByteReader,
  header: Buffer,
  hasChecksum: boolean,
): AsyncGenerator<Buffer, void> {
  let parts = [header];
  let length = header.length;
  for (let isLast = false; !isLast; ) {
    const start = await reader.take(3);
    const word = start.readUIntLE(0, 3);
    isLast = (word & 1) === 1;
    const type = (word >> 1) & 3;
    if (type === RESERVED) throw broken("its zstd data is damaged: a block is of no type that there is");
    // Kept beyond the next chunk, which may come into the same place.
    parts.push(Buffer.from(start), Buffer.from(await reader.take(type === RUN ? 1 : word >> 3)));
    if (isLast && hasChecksum) parts.push(Buffer.from(await reader.take(4)));
    length += word >> 3;
    if (!isLast && length < FED_BYTES && parts.length < FED_BLOCKS * 2) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
}

interface FrameHeader {
  /** As they are, from the magic number on. */
  readonly bytes: Buffer;
  /** Of what is packed, where it is told. */
  readonly sizeBytes: bigint | undefined;
  readonly hasChecksum: boolean;
}

async function frameHeader(reader: ByteReader): Promise<FrameHeader> {
  const descriptor = (await peeked(reader, MAGIC_BYTES + 1))[MAGIC_BYTES] ?? 0;
  const isSingle = (descriptor & 32) !== 0;
  const windowBytes = isSingle ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 2 ** sizeFlag;
  const sizeAt = MAGIC_BYTES + 1 + windowBytes + dictionaryBytes;
  const bytes = Buffer.from(await reader.take(sizeAt + sizeBytes));
  const size = sizeOf(bytes.subarray(sizeAt));
  const window = isSingle ? Number(size ?? 0n) : windowOf(bytes[MAGIC_BYTES + 1] ?? 0);
  if (window > MAX_WINDOW_BYTES)
    throw broken(
      `its zstd data asks for a window of ${Math.ceil(window / 2 ** 20)} MiB, and 128 MiB is the most: ` +
        "compress it without --long",
    );
  if (dictionaryBytes > 0 && bytes.subarray(sizeAt - dictionaryBytes, sizeAt).some((byte) => byte !== 0))
    throw broken("its zstd data needs a dictionary, which is not read");
  return { bytes, sizeBytes: size, hasChecksum: (descriptor & 4) !== 0 };
}

async function peeked(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.peek(length);
  // Too few: that is told when they are taken.
  return bytes.length < length ? reader.take(length) : bytes;
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function sizeOf(field: Buffer): bigint | undefined {
  switch (field.length) {
    case 1:
      return BigInt(field.readUInt8(0));
    case 2:
      return BigInt(field.readUInt16LE(0) + 256);
    case 4:
      return BigInt(field.readUInt32LE(0));
    case 8:
      return field.readBigUInt64LE(0);
    default:
      return undefined;
  }
}
