/**
 * A member of a consumer group that reads nothing itself: Kafka tells it which partitions are its own, and
 * others read those. Partitions of one number, of all topics, go to one member.
 */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { KafkaMetadata } from "../runtime/kafka.ts";
import { type Connected, type Consumer, called, connectConsumer, type Reach } from "./client.ts";
import { FAULT, faultOf, isForbidden, kafkaError } from "./errors.ts";
import { openConsumerLane } from "./lane.ts";
import { edgesOf, parsePartitionName, selectedPartitions } from "./topics.ts";

export interface MembershipOptions {
  readonly reach: Reach;
  readonly group: string;
  readonly topics: readonly string[];
  /** `count`: how many partitions each topic has. */
  readonly assigned: (partitions: readonly number[], count: number) => void;
  readonly revoked: () => Promise<void>;
}

export interface GroupMember {
  /** Rejects when the group can't be used any more. */
  readonly failed: Promise<never>;
  /** Partitions of each topic, when it joined. */
  readonly count: number;
  commit(next: Readonly<Record<string, number>>): Promise<void>;
  /** By topic, where this partition ends now. */
  ends(partition: number): Promise<Readonly<Record<string, number>>>;
  /** Throws code `input` where a topic has got more partitions. A broker that is away says nothing. */
  check(): Promise<void>;
  close(): Promise<void>;
}

const POLL_MS = 100;
/** How long a process that died keeps its partitions; a slow one has longer, as heartbeats go on. */
const SESSION_MS = 10_000;

interface Assignment {
  readonly topic: string;
  readonly partition: number;
}

/** Throws codes `io` and `input`. */
export async function openMembership(options: MembershipOptions): Promise<GroupMember> {
  const { reach, group, topics } = options;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const closing = new AbortController();
  /** What was told last is done before the next is begun. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (action: () => Promise<void>): void => {
    turn = turn.then(action).catch((error: unknown) => failed.reject(error as Error));
  };
  const settings = {
    "group.id": group,
    "enable.auto.commit": false,
    "auto.offset.reset": "error",
    "partition.assignment.strategy": "range",
    "session.timeout.ms": SESSION_MS,
    "heartbeat.interval.ms": 2000,
    // How soon it is seen that a topic has got more partitions: the default is five minutes.
    "topic.metadata.refresh.interval.ms": 5000,
    rebalance_cb: (thrown: unknown, assignment: readonly Assignment[]) => {
      const { code } = faultOf(thrown);
      if (code === FAULT.assign) inTurn(() => take(assignment));
      else inTurn(giveBack);
    },
  };
  const connected = await connectConsumer(reach, settings);
  const { client } = connected;
  const countOf = async (): Promise<number> => {
    const partitions = await selectedPartitions(connected, { topics });
    const counts = new Set(topics.map((topic) => partitions.filter((found) => found.topic === topic).length));
    const [count = 0] = counts;
    if (counts.size === 1) return count;
    throw new StreamkitError(
      "input",
      `Shared topics need the same number of partitions, for a key to be in the same one: found ${topics
        .map((topic) => `${topic} ${partitions.filter((found) => found.topic === topic).length}`)
        .join(", ")}`,
      { component: "kafka" },
    );
  };
  const count = await countOf().catch(async (error: unknown) => {
    await connected.close();
    throw error;
  });

  async function take(assignment: readonly Assignment[]): Promise<void> {
    // Nothing is fetched here.
    client.assign([]);
    const found = await countOf();
    const own = [...new Set(assignment.map(({ partition }) => partition))].toSorted((a, b) => a - b);
    const isWhole = own.every((number) => topics.every((topic) => isAmong(assignment, topic, number)));
    if (!isWhole) throw new StreamkitError("bug", `The group ${group} was not shared by partition numbers`);
    logger("kafka").info(`Partitions of this process: ${own.join(", ") || "none"} of ${found}`);
    options.assigned(own, found);
  }
  async function giveBack(): Promise<void> {
    await options.revoked();
    if (client.isConnected()) client.unassign();
  }

  const lane = openConsumerLane(connected.library, client);
  const poll = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const { errors } = await lane.fill({ maxBufferedBytes: 1, timeoutMs: POLL_MS });
      for (const { code, message } of errors)
        if (isForbidden({ code, message }) || code === FAULT.fatal)
          throw kafkaError(`The group ${group} can't be joined`, { code, message }, false);
    }
  };
  client.subscribe([...topics]);
  const polling = poll().catch((error: unknown) => failed.reject(error as Error));
  return {
    failed: failed.promise,
    count,
    async ends(partition) {
      const ends = topics.map(
        async (topic) => [topic, (await edgesOf(connected, { topic, partition })).high] as const,
      );
      return Object.fromEntries(await Promise.all(ends));
    },
    async check() {
      const counts = await Promise.all(topics.map((topic) => partitionCount(connected, topic)));
      const changed = counts.findIndex((found) => found !== undefined && found !== count);
      if (changed >= 0) throw movedError(topics[changed] ?? "", count, counts[changed] ?? 0);
    },
    async commit(next) {
      const offsets = Object.entries(next).map(([name, offset]) => ({ ...parsePartitionName(name), offset }));
      await called((done) => client.commitCb(offsets, done));
    },
    async close() {
      // While it is polled, it can give back what it has; then it leaves, and others need not wait.
      await turn;
      await options.revoked();
      closing.abort();
      await polling;
      await lane.close();
      await connected.close();
    },
  };
}

const CHECK_TIMEOUT_MS = 2000;

/** Undefined where the broker does not say. */
async function partitionCount({ client }: Connected<Consumer>, topic: string): Promise<number | undefined> {
  try {
    const { topics } = await called<KafkaMetadata>((done) =>
      client.getMetadata({ topic, timeout: CHECK_TIMEOUT_MS }, done),
    );
    return topics.find(({ name }) => name === topic)?.partitions.length;
  } catch {
    return undefined;
  }
}

function movedError(topic: string, before: number, now: number): StreamkitError {
  return new StreamkitError(
    "input",
    `The topic "${topic}" had ${before} partitions and has ${now} now: keys have moved to others, and ` +
      "their state can't. Nothing that was read since was answered. Write the records to a new topic and " +
      "take a new checkpoint, or take share out of the source: one process then reads all of it",
    { component: "kafka" },
  );
}

function isAmong(assignment: readonly Assignment[], topic: string, partition: number): boolean {
  return assignment.some((found) => found.topic === topic && found.partition === partition);
}
