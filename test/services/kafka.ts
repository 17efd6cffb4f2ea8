/**
 * A real Kafka broker (KRaft, one node) on 127.0.0.1, with its own ports and folder, that tests may break.
 * A started broker is up in 2 to 3 seconds; tests that don't break theirs share one.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Breakable, breakable } from "./breakable.ts";
import { askJudge, kafkaLibraries } from "./judge-process.ts";
import { startJvm } from "./jvm.ts";
import { judgeOf, type KafkaJudge, type TopicOptions } from "./kafka-judge.ts";
import { type SaslListeners, SECURE_PORTS, secureListeners } from "./kafka-secure.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";

export interface KafkaOptions {
  /** Left out = 512. */
  readonly heapMb?: number;
  /** Listeners with TLS and logins too. */
  readonly secure?: boolean;
  /** Of brokers that shall find each other. */
  readonly clusterId?: string;
  /** Over those of `brokerConfig`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface SecureKafkaService extends KafkaService {
  readonly sasl: SaslListeners;
}

export interface KafkaService extends AsyncDisposable, Breakable {
  /** `127.0.0.1:PORT`, without encryption or login. */
  readonly brokers: string;
  /** Kafka's own Java client at `brokers`. */
  readonly judge: KafkaJudge;
  /** Holds its properties, logs and data; gone with it. */
  readonly folder: string;
  createTopic(name: string, options?: TopicOptions): Promise<void>;
}

export async function startKafka(
  options: KafkaOptions & { readonly secure: true },
): Promise<SecureKafkaService>;
export async function startKafka(options?: KafkaOptions): Promise<KafkaService>;
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService | SecureKafkaService> {
  const { heapMb = 512, config = {}, secure: isSecure = false, clusterId = crypto.randomUUID() } = options;
  const libraries = await kafkaLibraries();
  const [port = 0, controllerPort = 0, ...securePorts] = await freePorts(2 + (isSecure ? SECURE_PORTS : 0));
  const folder = serverFolder();
  const secure = isSecure ? await secureListeners(folder.path, securePorts) : undefined;
  const brokers = `127.0.0.1:${port}`;
  const judge = judgeOf({ "bootstrap.servers": brokers });
  const propertiesFile = join(folder.path, "server.properties");
  const listeners = [`PLAINTEXT://${brokers}`, ...(secure?.listeners ?? [])];
  const properties = {
    ...brokerConfig(folder.path, listeners, `127.0.0.1:${controllerPort}`),
    ...secure?.properties,
    ...config,
  };
  writeFileSync(propertiesFile, propertiesText(properties));

  const broker = breakable({
    name: "broker",
    logFile: (start) => join(folder.path, `broker-${start}.log`),
    launch: (logFile) =>
      startJvm({
        program: ["kafka.Kafka", propertiesFile],
        jvmFlags: [`-Xmx${heapMb}m`, ...LOG_FLAGS, ...(secure?.jvmFlags ?? []), "-cp", `${libraries}/*`],
        cwd: folder.path,
        logFile,
      }),
    ready: (jvm) => jvm.says("Kafka Server started"),
  });

  const service = {
    ...broker,
    get pid() {
      return broker.pid;
    },
    ...(secure === undefined ? {} : { sasl: secure.sasl }),
    brokers,
    judge,
    folder: folder.path,
    createTopic: (name: string, topic?: TopicOptions) => judge.createTopic(name, topic),
    async [Symbol.asyncDispose]() {
      await broker.kill();
      secure?.[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  } satisfies KafkaService;
  try {
    const args = ["format", "-t", clusterId, "-c", propertiesFile, ...(secure?.formatArgs ?? [])];
    await askJudge({ method: "format", client: {}, args });
    await broker.start();
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

const LOG_FLAGS = [
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
] as const;

let shared: Promise<KafkaService> | undefined;

/** One broker for all tests of this process, gone with it: topics and groups need names of their own. */
export function sharedKafka(): Promise<KafkaService> {
  shared ??= startKafka();
  return shared;
}

function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function brokerConfig(
  folder: string,
  listeners: readonly string[],
  controller: string,
): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@${controller}`,
    listeners: [...listeners, `CONTROLLER://${controller}`].join(","),
    "advertised.listeners": listeners.join(","),
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(folder, "data"),
    "auto.create.topics.enable": "false",
    // One node.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    // Little to set up.
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.num.partitions": "2",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "8388608",
    // Nothing waits for long. Records may be of any age: a topic that forgets says so in its own config.
    "log.retention.ms": "-1",
    "log.retention.check.interval.ms": "200",
    "log.initial.task.delay.ms": "200",
    "log.segment.delete.delay.ms": "200",
    "log.cleaner.backoff.ms": "200",
    "group.initial.rebalance.delay.ms": "0",
    // A broker that starts again is refused until the controller has given up the one before.
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "100",
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
  };
}
