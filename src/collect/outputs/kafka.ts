/**
 * A topic: each event is a message, acknowledged by the broker. The header `key` is the message's key, or
 * `file`, so that a file's events keep their order; `topic` names another topic. All others are the message's
 * headers.
 */

import { z } from "zod";
import { type Messages, openMessages } from "../../kafka/messages.ts";
import { connectionFields, parseKafkaUrl } from "../../kafka/options.ts";
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

/** How many topics are held open at a time: each has threads of its own. */
const MAX_TOPICS = 16;

async function openTopic(given: Options, { clock, kafka }: OutputContext): Promise<Output> {
  const connection = {
    brokers: given.brokers,
    tls: given.tls ?? kafka.connection.tls,
    sasl: given.sasl ?? kafka.connection.sasl,
    config: { ...kafka.connection.config, ...given.config },
  };
  const reach = { connection, baseFolder: kafka.baseFolder, clock };
  /** Each has limits of its own. */
  const opened = new Map<string, Messages>();
  const messagesTo = async (topic: string): Promise<Messages> => {
    const known = opened.get(topic);
    if (known !== undefined) {
      // The one that was used last is at the end.
      opened.delete(topic);
      opened.set(topic, known);
      return known;
    }
    const [oldest] = opened;
    if (oldest !== undefined && opened.size >= MAX_TOPICS) {
      opened.delete(oldest[0]);
      await oldest[1].close();
    }
    const messages = await openMessages(reach, topic);
    opened.set(topic, messages);
    return messages;
  };
  const topicOf = ({ headers }: EventBlock): string => headers[given.topic_header] ?? given.topic;
  return {
    name: `kafka://${given.brokers}/${given.topic}`,
    async deliver(blocks) {
      // None is delivered where one of the topics is not there.
      for (const topic of new Set(blocks.map(topicOf))) await messagesTo(topic);
      for (const run of runsOfHeaders(blocks)) {
        const [first] = run;
        if (first !== undefined) await send(await messagesTo(topicOf(first)), run, given);
      }
    },
    sync: async () => undefined,
    async close() {
      for (const messages of opened.values()) await messages.close();
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

async function send(messages: Messages, run: readonly EventBlock[], given: Options): Promise<void> {
  const headers = run[0]?.headers ?? {};
  const values = valuesOf(run);
  const { [given.key_header]: ownKey, [given.topic_header]: _topic, file, ...others } = headers;
  const count = values.lengths?.length ?? run.reduce((sum, block) => sum + block.events, 0);
  const key = ownKey ?? file;
  const names = Object.entries(others);
  await messages.send({
    values,
    ...(key !== undefined && { keys: repeated(key, count) }),
    ...(names.length > 0 && { headers: repeated(headersJson(names), count) }),
  });
}
