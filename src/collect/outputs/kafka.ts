/**
 * A topic: each event is a message, acknowledged by the broker. The header `key` is the message's key, or
 * `file`, so that a file's events keep their order; `topic` names another topic. All others are the message's
 * headers.
 */

import { z } from "zod";
import { type Connected, connectProducer, type Producer } from "../../kafka/client.ts";
import { openProducerLane, type ProducerLane } from "../../kafka/lane.ts";
import { connectionFields, parseKafkaUrl } from "../../kafka/options.ts";
import { writeFailure } from "../../kafka/topic-writer.ts";
import { requireTopic } from "../../kafka/topics.ts";
import type { EventBlock } from "../../tail/block.ts";
import { headersJson, repeated, valuesOf } from "./messages.ts";
import type { Output, OutputContext, OutputKind } from "./output.ts";

const { brokers, tls, sasl, config } = connectionFields;
const options = z.strictObject({
  brokers,
  topic: z.string().min(1).describe("where messages go whose header `topic` names no other"),
  tls,
  sasl,
  config,
  key_header: z.string().default("key").describe("the header that is a message's key"),
  topic_header: z.string().default("topic").describe("the header that names another topic"),
});
type Options = z.infer<typeof options>;

export const kafkaOutput: OutputKind<Options> = {
  name: "kafka",
  summary: "a topic, a message each event; URL `kafka://HOST:PORT/TOPIC`",
  options,
  fromUrl(url) {
    const found = parseKafkaUrl(url);
    return found && { brokers: found.brokers, topic: found.topic, config: found.parameters };
  },
  open: openTopic,
};

async function openTopic(given: Options, { clock, kafka }: OutputContext): Promise<Output> {
  const connection = {
    brokers: given.brokers,
    tls: given.tls ?? kafka.connection.tls,
    sasl: given.sasl ?? kafka.connection.sasl,
    config: { ...kafka.connection.config, ...given.config },
  };
  const producer = await connectProducer(
    { connection, baseFolder: kafka.baseFolder, clock },
    {
      "enable.idempotence": true,
      "linger.ms": 5,
      "queue.buffering.max.messages": 1_000_000,
      "queue.buffering.max.kbytes": 131_072,
      partitioner: "murmur2_random",
    },
  );
  const lane = openProducerLane(producer.library, producer.client);
  const known = new Set<string>();
  return {
    name: `kafka://${given.brokers}/${given.topic}`,
    async deliver(blocks) {
      for (const block of blocks) {
        const topic = block.headers[given.topic_header] ?? given.topic;
        if (!known.has(topic)) await requireTopic(producer, topic);
        known.add(topic);
      }
      for (const run of runsOfHeaders(blocks)) await produce(producer, lane, run, given);
    },
    sync: async () => undefined,
    async close() {
      await lane.close();
      await producer.close();
    },
  };
}

/** Blocks that follow each other with the same topic and key go in one call. */
function* runsOfHeaders(blocks: readonly EventBlock[]): Generator<readonly EventBlock[]> {
  let run: EventBlock[] = [];
  for (const block of blocks) {
    if (run[0] !== undefined && (run[0].headers !== block.headers || block.ends !== undefined)) {
      yield run;
      run = [];
    }
    run.push(block);
    if (block.ends !== undefined) {
      yield run;
      run = [];
    }
  }
  if (run.length > 0) yield run;
}

async function produce(
  producer: Connected<Producer>,
  lane: ProducerLane,
  run: readonly EventBlock[],
  given: Options,
): Promise<void> {
  const headers = run[0]?.headers ?? {};
  const topic = headers[given.topic_header] ?? given.topic;
  const values = valuesOf(run);
  const { [given.key_header]: ownKey, [given.topic_header]: _topic, file, ...others } = headers;
  const count = values.lengths?.length ?? run.reduce((sum, block) => sum + block.events, 0);
  const key = ownKey ?? file;
  const names = Object.entries(others);
  const { failed, failedRecords, records } = await lane.produce({
    topic,
    values,
    ...(key !== undefined && { keys: repeated(key, count) }),
    ...(names.length > 0 && { headers: repeated(headersJson(names), count) }),
  });
  if (failed[0] !== undefined) throw writeFailure(topic, { failedRecords, records }, failed[0]);
  producer.alive();
}
