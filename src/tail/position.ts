/**
 * How far a file was read, and how it is known again: by device and inode where it was renamed, by its bytes
 * where it was copied or compressed. Plain JSON: it stands in position files and in checkpoints.
 */

import { z } from "zod";

const fingerprint = z.strictObject({ lengthBytes: z.int().min(0), hash: z.string() });

const filePosition = z.strictObject({
  /** Where it was seen last. */
  path: z.string(),
  device: z.string(),
  inode: z.string(),
  /** When the inode was made, in nanoseconds: an inode's number is used again. */
  born: z.string().optional(),
  /** Of its first bytes. */
  head: fingerprint,
  /** Everything before it was given; of a compressed file, in decompressed bytes. */
  offset: z.int().min(0),
  /** Of the bytes just before the offset. */
  tail: fingerprint,
  /** Of a file compressed with gzip: whether it was read to its end, and its first bytes as they are. */
  gzip: z.strictObject({ isWhole: z.boolean(), head: fingerprint }).optional(),
  /** The offset is in the middle of a line that was too long: the rest of it is passed over. */
  isInLongLine: z.literal(true).optional(),
  /** What whoever takes the events wants to be told of the file again. */
  memo: z.string().optional(),
  /** It had another name before: nobody opens it to write any more. */
  isRotated: z.literal(true).optional(),
  /** Since when there is no such file, in milliseconds since 1970: a copy of it may turn up. */
  goneAtMs: z.number().optional(),
  /** The file is there, with other content in it. */
  wasReplaced: z.literal(true).optional(),
});

/** What can be kept over a restart of everything that is followed. */
export const positionsSchema = z.strictObject({
  version: z.literal(1),
  files: z.array(filePosition),
});

export type FilePosition = z.infer<typeof filePosition>;
