/** What a broker says of topics: their partitions and identities, where they begin and end. */

import { systemClock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import type { KafkaMetadata, KafkaTopicDescription, KafkaTopicPartition } from "../runtime/kafka.ts";
import { type Connected, type Consumer, called, type Producer } from "./client.ts";
import { faultOf, isAddressFault, isLeaderFault, kafkaError } from "./errors.ts";
import type { TopicPartition } from "./lane.ts";

const TIMEOUT_MS = 8000;
/** The protocol's time of the first record that is there. */
const EARLIEST = -2;
/** It is asked for often: what it would tell waits meanwhile. */
const IDS_TIMEOUT_MS = 3000;

/** Topics by name, or all whose whole name a pattern matches. */
export type Selection = { readonly topics: readonly string[] } | { readonly pattern: string };

/** The first record that is there, and the offset after the last one that may be read. */
export interface Edges {
  readonly low: number;
  readonly high: number;
}

/** A topic's name can't hold a slash. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

export function parsePartitionName(name: string): TopicPartition {
  const slash = name.lastIndexOf("/");
  return { topic: name.slice(0, slash), partition: Number(name.slice(slash + 1)) };
}

/** Topic, then partition: the order in which a batch holds them. */
export function comparePartitions(a: TopicPartition, b: TopicPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

/**
 * The partitions of the selected topics. Throws code `input` where a named topic is not there, and `io` where
 * nobody answers.
 */
export async function selectedPartitions(
  connected: Connected<Consumer>,
  selection: Selection,
  wanted: "all that are named" | "those that are there" = "all that are named",
): Promise<readonly TopicPartition[]> {
  const found = await allTopics(connected);
  if ("topics" in selection && wanted === "all that are named")
    for (const topic of selection.topics) {
      if (found.has(topic)) continue;
      throw new StreamkitError("input", missingTopic(connected.brokers, topic, [...found.keys()]), {
        component: "kafka",
      });
    }
  const isSelected =
    "topics" in selection
      ? (topic: string): boolean => selection.topics.includes(topic)
      : wholeMatch(selection.pattern);
  return [...found]
    .filter(([topic]) => isSelected(topic))
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })))
    .toSorted(comparePartitions);
}

function wholeMatch(pattern: string): (topic: string) => boolean {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (topic) => expression.test(topic) && !topic.startsWith("__");
}

const MAX_NAMED_TOPICS = 10;

function missingTopic(brokers: string, topic: string, found: readonly string[]): string {
  const names = found.filter((name) => !name.startsWith("__")).toSorted();
  const more = names.length > MAX_NAMED_TOPICS ? ` and ${names.length - MAX_NAMED_TOPICS} more` : "";
  const there =
    names.length === 0 ? "it has none" : `it has ${names.slice(0, MAX_NAMED_TOPICS).join(", ")}${more}`;
  return `Kafka at ${brokers} has no topic "${topic}": ${there}`;
}

/** The names of all topics. Throws code `io`. */
export async function topicNames(connected: Connected<Consumer>): Promise<ReadonlySet<string>> {
  return new Set((await allTopics(connected)).keys());
}

/** Throws code `input` where it is not there to be written to, and `io` where nobody answers. */
export async function requireTopic(connected: Connected<Producer>, topic: string): Promise<void> {
  const found = await allTopics(connected);
  if ((found.get(topic) ?? 0) > 0) return;
  const { brokers } = connected;
  throw new StreamkitError(
    "input",
    `Kafka at ${brokers} has no topic "${topic}" to write to: make it first, with the partitions you want`,
    { component: "kafka" },
  );
}

/** Numbers of partitions, by topic. */
async function allTopics({
  client,
  brokers,
}: Connected<Consumer | Producer>): Promise<ReadonlyMap<string, number>> {
  try {
    const metadata = await called<KafkaMetadata>((done) =>
      client.getMetadata({ allTopics: true, timeout: TIMEOUT_MS }, done),
    );
    return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
  } catch (error) {
    throw kafkaError(`Kafka at ${brokers} does not tell its topics`, faultOf(error));
  }
}

const LEADER_PAUSE_MS = 250;

/** Asks again while the partition's leader moves, for as long as an answer may take. */
async function onceLed<T>(ask: () => Promise<T>): Promise<T> {
  for (let leftMs = TIMEOUT_MS; ; leftMs -= LEADER_PAUSE_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!isLeaderFault(faultOf(error)) || leftMs <= 0) throw error;
    }
    await systemClock.sleep(LEADER_PAUSE_MS);
  }
}

/** Where a partition begins and ends. Throws code `io` where its leader does not tell. */
export async function edgesOf(
  { client, brokers }: Connected<Consumer>,
  { topic, partition }: TopicPartition,
): Promise<Edges> {
  try {
    const found = await onceLed(() =>
      called<{ lowOffset: number; highOffset: number }>((done) =>
        client.queryWatermarkOffsets(topic, partition, TIMEOUT_MS, done),
      ),
    );
    return { low: found.lowOffset, high: found.highOffset };
  } catch (error) {
    throw kafkaError(`Kafka at ${brokers} does not tell where ${topic}/${partition} ends`, faultOf(error));
  }
}

/** The first offset at or after a time; undefined where there is none. */
export async function offsetAt(
  { client, brokers }: Connected<Consumer>,
  { topic, partition }: TopicPartition,
  timeMs: number,
): Promise<number | undefined> {
  // Brokers take negative times for words of their own.
  const offset = timeMs < 0 ? EARLIEST : timeMs;
  try {
    const [found] = await onceLed(() =>
      called<readonly KafkaTopicPartition[]>((done) =>
        client.offsetsForTimes([{ topic, partition, offset }], TIMEOUT_MS, done),
      ),
    );
    const first = found?.offset;
    return first === undefined || first < 0 ? undefined : first;
  } catch (error) {
    throw kafkaError(`Kafka at ${brokers} does not tell offsets for times`, faultOf(error));
  }
}

/**
 * The identities of topics: one that was deleted and made anew under its old name has another. None where the
 * broker is too old to know them, or does not let us ask; the topic is not there, or not yet known. Throws
 * code `io` where nobody answers.
 */
export async function topicIds(
  { client, library, brokers }: Connected<Consumer>,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const admin = library.AdminClient.createFrom(client);
  try {
    const described = await called<readonly KafkaTopicDescription[]>((done) =>
      admin.describeTopics([...topics], { timeout: IDS_TIMEOUT_MS }, done),
    );
    return new Map(
      described.flatMap(({ name, topicId, error }) =>
        topicId === undefined || error !== undefined || /^A*=*$/.test(topicId.base64)
          ? []
          : [[name, topicId.base64] as const],
      ),
    );
  } catch (error) {
    const fault = faultOf(error);
    if (isAddressFault(fault)) throw kafkaError(`Kafka at ${brokers} does not describe its topics`, fault);
    return new Map();
  } finally {
    admin.disconnect();
  }
}
