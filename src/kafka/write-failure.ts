/** Why a topic has not taken records: the one that says most, with the record, the limit and the setting. */

import { StreamkitError } from "../base/error.ts";
import { counted } from "../base/units.ts";
import { FAULT, faultOf, isRecordFault, type KafkaFault, kafkaError, plainReason } from "./errors.ts";
import type { Produced, ProduceRequest } from "./lane.ts";
import { columnAt, messageBytes, partsAt } from "./topic-limit.ts";

const MAX_KEY_CHARS = 60;

/** Code `io`, retryable where the same records may be taken another time. */
export function writeFailure(
  request: ProduceRequest,
  { failed, failedRecords, records }: Produced,
  limitBytes?: number,
): StreamkitError {
  // Those after it may only have been given up with it.
  const first = failed.find(isRecordFault) ?? failed[0];
  if (first === undefined) return kafkaError(`The topic "${request.topic}"`, { code: 0, message: "" });
  const share = `${failedRecords} of ${counted(records, "record")}`;
  const doing = `${share} were not taken by the topic "${request.topic}"`;
  const explained = isRecordFault(first)
    ? `${first.message}: ${explanation(request, first, limitBytes)}`
    : first.message;
  return kafkaError(doing, { ...first, message: explained }, !isRecordFault(first));
}

type Failed = Produced["failed"][number];

function explanation(
  request: ProduceRequest,
  { index, code }: Failed,
  limitBytes: number | undefined,
): string {
  const parts = partsAt(request, index);
  const timestampMs = request.timestampsMs?.[index];
  const facts = [`${messageBytes(parts)} bytes`];
  if (parts.keyBytes > 0) facts.unshift(`the key ${keyText(request, index)}`);
  if (timestampMs !== undefined && !Number.isNaN(timestampMs))
    facts.push(`the timestamp ${timeText(timestampMs)}`);
  const partition = request.partitions?.[index];
  if (partition !== undefined && partition !== -1) facts.push(`the partition ${partition}`);
  return `the first has ${facts.join(", ")}${WAYS_OUT[code]?.(limitBytes) ?? ""}`;
}

function keyText({ keys }: ProduceRequest, index: number): string {
  const text = keys === undefined ? "" : (columnAt(keys, index)?.toString() ?? "");
  return JSON.stringify(text.length > MAX_KEY_CHARS ? `${text.slice(0, MAX_KEY_CHARS)}…` : text);
}

function timeText(timestampMs: number): string {
  const time = new Date(timestampMs);
  return Number.isNaN(time.getTime()) ? `${timestampMs} ms` : time.toISOString();
}

/** What may be done about it. */
const WAYS_OUT: Readonly<Record<number, (limitBytes: number | undefined) => string>> = {
  [FAULT.recordTooLarge]: (limitBytes) =>
    ", and the topic's max.message.bytes " +
    `${limitBytes === undefined ? "allows fewer" : `is ${limitBytes}`}: ` +
    "raise it, or leave the record out in the query",
  [FAULT.invalidTimestamp]: () =>
    ", and the topic takes none that is so far from now (message.timestamp.after.max.ms, an hour by " +
    "default, and message.timestamp.before.max.ms; one millisecond before 1970 is no timestamp): " +
    "take another time, like window_start, or leave the sink's timestamp out",
  [FAULT.invalidRecord]: () => ": a compacted topic (cleanup.policy) takes no record without a key",
  [FAULT.unknownPartition]: () => ", which the topic does not have",
};

/** In the words of whoever failed. */
export function reasonOf(error: unknown): string {
  return error instanceof StreamkitError ? error.message : plainReason(faultOf(error));
}

/** Code `io`, for what a person should know of a writer that is shut out. */
export function fencedError(topic: string, fault: KafkaFault): StreamkitError {
  return kafkaError(
    `Another process with the same job writes to the topic "${topic}" and has shut this one out`,
    fault,
    false,
  );
}
