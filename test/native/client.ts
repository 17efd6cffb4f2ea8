/** Kafka's callback clients as promises, for the tests and benchmarks of the native addon. */

import { randomUUID } from "node:crypto";
import type {
  KafkaAdmin,
  KafkaCallback,
  KafkaClient,
  KafkaConsumer,
  KafkaLibrary,
  KafkaProducer,
  KafkaSettings,
} from "../../src/runtime/kafka.ts";

const REQUEST_TIMEOUT_MS = 20_000;

/** Calls what takes a callback; rejects with its error. */
export async function done<T>(start: (callback: KafkaCallback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error === null || error === undefined ? resolve(result) : reject(error)));
  });
}

export class Cluster {
  readonly kafka: KafkaLibrary;
  readonly brokers: string;
  readonly admin: KafkaAdmin;

  constructor(kafka: KafkaLibrary, brokers: string) {
    this.kafka = kafka;
    this.brokers = brokers;
    this.admin = kafka.AdminClient.create({ "bootstrap.servers": brokers });
  }

  /** Its name is new each time. */
  async topic(partitions: number, config: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = `test-${randomUUID()}`;
    const wanted = { topic, num_partitions: partitions, replication_factor: 1, config };
    await done<void>((callback) => this.admin.createTopic(wanted, REQUEST_TIMEOUT_MS, callback));
    return topic;
  }

  async deleteTopic(topic: string): Promise<void> {
    await done<void>((callback) => this.admin.deleteTopic(topic, REQUEST_TIMEOUT_MS, callback));
  }

  async producer(settings: KafkaSettings = {}): Promise<KafkaProducer> {
    const producer = new this.kafka.Producer({ "bootstrap.servers": this.brokers, ...settings });
    return connected(producer);
  }

  async consumer(
    settings: KafkaSettings = {},
    topicSettings: KafkaSettings = { "auto.offset.reset": "earliest" },
  ): Promise<KafkaConsumer> {
    const base = {
      "bootstrap.servers": this.brokers,
      "group.id": `group-${randomUUID()}`,
      "enable.auto.commit": false,
      "enable.auto.offset.store": false,
      "enable.partition.eof": true,
    };
    return connected(new this.kafka.KafkaConsumer({ ...base, ...settings }, topicSettings));
  }
}

async function connected<T extends KafkaClient>(client: T): Promise<T> {
  await done((callback) => client.connect({ timeout: REQUEST_TIMEOUT_MS }, callback));
  return client;
}

export async function disconnect(client: KafkaClient): Promise<void> {
  await done((callback) => client.disconnect(callback));
}
