/**
 * Whether a batch stands in a topic, found out by reading the topic: for when the mark that would tell is
 * gone. A broker forgets the offsets of a group that is not used, after a week by default.
 */

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { StreamkitError } from "../base/error.ts";
import { connectConsumer, type Reach } from "./client.ts";
import { kafkaError } from "./errors.ts";
import { type BytesColumn, openConsumerLane, type Taken, type TopicPartition } from "./lane.ts";
import type { Records } from "./topic-writer.ts";
import { offsetAt, partitionName, selectedPartitions } from "./topics.ts";

export interface Search {
  readonly topic: string;
  /** Of librdkafka's, for which nothing is committed. */
  readonly group: string;
  readonly records: AsyncIterable<Records>;
  /** None of the records is older, but by a time of its own. */
  readonly sinceMs: number;
}

const MAX_TAKE_BYTES = 16 * 2 ** 20;
const FILL_TIMEOUT_MS = 100;

/** Whether all of the records are there, committed, each as often. Throws code `io`. */
export async function isInTopic(reach: Reach, search: Search): Promise<boolean> {
  const { topic, group } = search;
  const { missing, sinceMs } = await wanted(search);
  const connected = await connectConsumer(reach, {
    "group.id": group,
    "enable.auto.commit": false,
    "enable.auto.offset.store": false,
    "enable.partition.eof": true,
    "isolation.level": "read_committed",
  });
  try {
    const starts: (TopicPartition & { readonly offset: number })[] = [];
    for (const partition of await selectedPartitions(connected, { topics: [topic] })) {
      const offset = await offsetAt(connected, partition, sinceMs);
      if (offset !== undefined) starts.push({ ...partition, offset });
    }
    if (starts.length === 0) return missing.size === 0;
    const lane = openConsumerLane(connected.library, connected.client);
    try {
      connected.client.assign(starts);
      const unread = new Set(starts.map(partitionName));
      while (unread.size > 0 && missing.size > 0) {
        const { ends, errors } = await lane.fill({
          maxBufferedBytes: MAX_TAKE_BYTES,
          timeoutMs: FILL_TIMEOUT_MS,
        });
        const [error] = errors;
        if (error !== undefined)
          throw kafkaError(`The topic "${topic}" can't be searched for a batch`, error);
        for (const end of ends) unread.delete(partitionName(end));
        for (;;) {
          const taken = await lane.take({
            partitions: starts,
            maxBytes: MAX_TAKE_BYTES,
            framing: "raw",
            attributes: ["key"],
            tombstones: "keep",
          });
          if (taken.partitions.length === 0) break;
          for (const record of recordsOf(taken)) takeOut(missing, record);
        }
      }
      return missing.size === 0;
    } finally {
      await lane.close();
    }
  } finally {
    await connected.close();
  }
}

/** By what a record is, how often it is still to be found; and the time of the oldest. */
async function wanted({ records, sinceMs }: Search) {
  const missing = new Map<string, number>();
  let oldestMs = sinceMs;
  for await (const { values, keys, timestampsMs } of records) {
    const keyTexts = keys === undefined ? [] : [...payloads(keys)].map(keyText);
    let index = 0;
    for (const value of payloads(values)) {
      const record = digest(keyTexts[index] ?? "", value);
      missing.set(record, (missing.get(record) ?? 0) + 1);
      index += 1;
    }
    for (const timestampMs of timestampsMs ?? [])
      if (!Number.isNaN(timestampMs)) oldestMs = Math.min(oldestMs, timestampMs);
  }
  return { missing, sinceMs: Math.floor(oldestMs) };
}

function takeOut(missing: Map<string, number>, record: string): void {
  const left = missing.get(record);
  if (left === undefined) return;
  if (left === 1) missing.delete(record);
  else missing.set(record, left - 1);
}

function* recordsOf({ bytes, lengths, attributes }: Taken): Generator<string> {
  if (bytes === undefined || lengths === undefined) throw new StreamkitError("bug", "Nothing was taken");
  const keys = attributes?.toString().split("\n") ?? [];
  let index = 0;
  for (const value of payloads({ bytes, lengths })) {
    yield digest(keys[index] ?? "", value);
    index += 1;
  }
}

/** Undefined for none. */
function* payloads({ bytes, lengths }: BytesColumn): Generator<Uint8Array | undefined> {
  let start = 0;
  for (const length of lengths ?? []) {
    yield length < 0 ? undefined : bytes.subarray(start, start + length);
    start += Math.max(0, length);
  }
}

/** As the lane writes keys: see `Taken.attributes`. */
function keyText(key: Uint8Array | undefined): string {
  if (key === undefined) return "";
  const text = Buffer.from(key).toString();
  const isText = isUtf8(key) && !/[\0\n\r]/.test(text) && !text.startsWith("\\x");
  const written = isText ? text : [...key].map((byte) => `\\x${hex(byte)}`).join("");
  return `"${written.replaceAll('"', '""')}"`;
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

function digest(key: string, value: Uint8Array | undefined): string {
  const hash = createHash("sha256").update(`${value === undefined ? "-" : "+"}${key}\n`);
  return (value === undefined ? hash : hash.update(value)).digest("base64");
}
