/** Ways of compressing bytes, as programs and people do it. */

import { gzipSync, zstdCompressSync } from "node:zlib";

export interface Packing {
  readonly name: string;
  pack(bytes: Buffer): Buffer;
}

/** Gzip's optional parts of the header: an extra field, a name and a comment. */
function withHeader(bytes: Buffer): Buffer {
  const packed = gzipSync(bytes);
  const head = Buffer.from(packed.subarray(0, 10));
  head[3] = 4 + 8 + 16;
  const extra = Buffer.from([3, 0, 1, 2, 3]);
  return Buffer.concat([head, extra, Buffer.from("name.log\0a comment\0"), packed.subarray(10)]);
}

/** Cut into pieces of this share, each packed by itself. */
function members(bytes: Buffer, share: number, pack: (part: Buffer) => Buffer): Buffer {
  const size = Math.max(1, Math.ceil(bytes.length * share));
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size)
    parts.push(pack(bytes.subarray(start, start + size)));
  return Buffer.concat(parts);
}

const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5]);

export const packings: readonly Packing[] = [
  { name: "gzip", pack: (bytes) => gzipSync(bytes) },
  { name: "gzip, stored", pack: (bytes) => gzipSync(bytes, { level: 0 }) },
  { name: "gzip with all of a header", pack: withHeader },
  { name: "gzip in members", pack: (bytes) => members(bytes, 0.13, (part) => gzipSync(part)) },
  {
    name: "gzip with an empty member and padding",
    pack: (bytes) => Buffer.concat([gzipSync(""), gzipSync(bytes), Buffer.alloc(700), gzipSync("")]),
  },
  {
    name: "gzip with garbage behind",
    pack: (bytes) => Buffer.concat([gzipSync(bytes), Buffer.from("garbage")]),
  },
  { name: "zstd", pack: (bytes) => zstdCompressSync(bytes) },
  {
    name: "zstd in frames, some to be passed over",
    pack: (bytes) =>
      Buffer.concat([
        SKIPPABLE,
        members(bytes, 0.3, (part) => Buffer.concat([zstdCompressSync(part), SKIPPABLE])),
      ]),
  },
  { name: "gzip of gzip", pack: (bytes) => gzipSync(gzipSync(bytes)) },
  { name: "zstd of gzip", pack: (bytes) => zstdCompressSync(gzipSync(bytes)) },
];
