/**
 * What Kafka's own Java client says of a broker, and does to it: the independent writer, reader and
 * administrator by which tests judge our client. Times are in milliseconds, offsets are counted from 0.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf } from "../support/running.ts";
import { askJudge } from "./judge-process.ts";

/** A key, a value: null, UTF-8 text, or bytes in base64. Base64 is read only where it is no UTF-8. */
type Bytes = string | null | { readonly base64: string };

/** What Kafka holds for a key or a value. */
export function bytesOf(value: Bytes): Buffer | null {
  if (value === null) return null;
  return typeof value === "string" ? Buffer.from(value) : Buffer.from(value.base64, "base64");
}

export interface NewRecord {
  readonly value: Bytes;
  readonly key?: Bytes;
  readonly headers?: readonly (readonly [name: string, value: Bytes])[];
  /** Left out = chosen by the Java client: by the key's hash, else as it likes. */
  readonly partition?: number;
  readonly timestamp?: number;
}

export interface StoredRecord extends Required<NewRecord> {
  readonly offset: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
}

export type Isolation = "read_committed" | "read_uncommitted";
export type Outcome = "commit" | "abort";
/** Records in memory, or the path of an NDJSON file of `NewRecord`. */
export type Records = readonly NewRecord[] | { readonly file: string };
export type OffsetsByPartition = Readonly<Record<string, number>>;

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string;
}

export interface TransactionOptions {
  readonly id: string;
  /** Open stays so, and the same id adds to it, until `endTransaction`. */
  readonly outcome: Outcome | "open";
  /** A group's offsets that belong to the transaction. */
  readonly offsets?: { readonly group: string; readonly offsets: readonly GroupOffset[] };
  readonly producer?: Readonly<Record<string, string>>;
}

export interface GroupDescription {
  /** As Java prints it: `Stable`, `Empty`, `Dead`, … */
  readonly state: string;
  readonly members: readonly {
    readonly id: string;
    readonly clientId: string;
    readonly assigned: readonly (readonly [topic: string, partition: number])[];
  }[];
}

export interface TopicOptions {
  /** Left out = 1. */
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface Acl {
  readonly resource: "TOPIC" | "GROUP" | "CLUSTER" | "TRANSACTIONAL_ID";
  readonly name: string;
  readonly user: string;
  /** `READ`, `WRITE`, `DESCRIBE`, `ALL`, … */
  readonly operation: string;
  readonly permission: "ALLOW" | "DENY";
}

export type KafkaJudge = ReturnType<typeof judgeOf>;

/** The judge as a client with these Java properties; `allowedUrls` are where it may fetch a token. */
export function judgeOf(client: Readonly<Record<string, string>>, allowedUrls?: string) {
  const ask = (method: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
    askJudge({ method, client, ...(allowedUrls === undefined ? {} : { allowedUrls }), ...parameters });

  const send = async (records: Records, parameters: Readonly<Record<string, unknown>>): Promise<number> => {
    if ("file" in records) return (await ask("produce", { ...parameters, file: records.file })) as number;
    using folder = emptyFolder();
    const file = join(folder.path, "records.ndjson");
    writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return (await ask("produce", { ...parameters, file })) as number;
  };

  const readToFile = async (
    topic: string,
    file: string,
    isolation: Isolation = "read_committed",
  ): Promise<number> => (await ask("consume", { topic, file, isolation })) as number;

  return {
    /** Resolves when every partition has its leader. */
    async createTopic(topic: string, { partitions = 1, config = {} }: TopicOptions = {}): Promise<void> {
      await ask("createTopic", { topic, partitions, config });
    },
    async deleteTopic(topic: string): Promise<void> {
      await ask("deleteTopic", { topic });
    },
    /** Up to `total` partitions. */
    async addPartitions(topic: string, total: number): Promise<void> {
      await ask("addPartitions", { topic, total });
    },
    async configureTopic(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
      await ask("configureTopic", { topic, config });
    },
    listTopics: async (): Promise<string[]> => (await ask("listTopics")) as string[],
    /** Of the first partition. */
    inSyncReplicas: async (topic: string): Promise<number> =>
      (await ask("inSyncReplicas", { topic })) as number,
    partitionCount: async (topic: string): Promise<number> => (await ask("partitions", { topic })) as number,
    /** Deletes what lies before the offset, -1 = all; returns the first that is left. */
    deleteRecords: async (topic: string, partition: number, beforeOffset: number): Promise<number> =>
      (await ask("deleteRecords", { topic, partition, beforeOffset })) as number,
    /** `at` a timestamp: the first offset of that time or later, -1 = none. */
    listOffsets: async (
      topic: string,
      at: "earliest" | "latest" | number = "latest",
      isolation: Isolation = "read_uncommitted",
    ): Promise<OffsetsByPartition> =>
      (await ask("listOffsets", { topic, at: String(at), isolation })) as OffsetsByPartition,

    groupOffsets: async (group: string): Promise<Required<GroupOffset>[]> =>
      (await ask("groupOffsets", { group })) as Required<GroupOffset>[],
    /** Of a group without members. */
    async setGroupOffsets(group: string, offsets: readonly GroupOffset[]): Promise<void> {
      await ask("setGroupOffsets", { group, offsets });
    },
    async deleteGroup(group: string): Promise<void> {
      await ask("deleteGroup", { group });
    },
    describeGroup: async (group: string): Promise<GroupDescription> =>
      (await ask("describeGroup", { group })) as GroupDescription,

    /** All transactional ids; `state` as Java prints it: `Ongoing`, `CompleteCommit`, … */
    listTransactions: async (): Promise<{ id: string; state: string; producerId: number }[]> =>
      (await ask("listTransactions")) as { id: string; state: string; producerId: number }[],
    /** `limits` like `{ producer_byte_rate: 1000 }`, null = none; an empty name = the default entity. */
    async setQuota(
      entity: Readonly<Partial<Record<"user" | "client-id" | "ip", string>>>,
      limits: Readonly<Record<string, number | null>>,
    ): Promise<void> {
      await ask("setQuota", { entity, limits });
    },
    /** On a broker with `secure`, where all may do what no rule forbids. */
    async addAcl(acl: Acl): Promise<void> {
      await ask("addAcl", { ...acl });
    },

    /** Sends the records in their order and waits until all are acknowledged; returns how many. */
    produce: (
      topic: string,
      records: Records,
      producer: Readonly<Record<string, string>> = {},
    ): Promise<number> => send(records, { topic, client: { ...client, ...producer } }),
    /** All records in one transaction. */
    produceInTransaction: (
      topic: string,
      records: Records,
      { id, outcome, offsets, producer = {} }: TransactionOptions,
    ): Promise<number> =>
      send(records, { topic, transaction: id, outcome, ...offsets, client: { ...client, ...producer } }),
    async endTransaction(id: string, outcome: Outcome): Promise<void> {
      await ask("endTransaction", { transaction: id, outcome });
    },

    /** Writes all records that are there now as NDJSON of `StoredRecord`; returns how many. */
    readToFile,
    /** All records that are there now: by partition, then offset. */
    async read(topic: string, isolation: Isolation = "read_committed"): Promise<StoredRecord[]> {
      using folder = emptyFolder();
      const file = join(folder.path, "records.ndjson");
      await readToFile(topic, file, isolation);
      const records = rowsOf<StoredRecord>(readFileSync(file, "utf8"));
      return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
    },
  };
}
