/**
 * A real Kafka broker (KRaft, one node) on 127.0.0.1, with its own ports and folder, that tests may break.
 * A started broker is up in 2 to 3 seconds; tests that don't break theirs share one.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { askJudge, kafkaLibraries } from "./judge-process.ts";
import { type Jvm, startJvm, tailOf } from "./jvm.ts";
import { judgeOf, type KafkaJudge, type TopicOptions } from "./kafka-judge.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";

export interface KafkaOptions {
  /** Left out = 512. */
  readonly heapMb?: number;
  /** Over those of `brokerConfig`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface KafkaService extends AsyncDisposable {
  /** `127.0.0.1:PORT`, without encryption or login. */
  readonly brokers: string;
  /** Kafka's own Java client at `brokers`. */
  readonly judge: KafkaJudge;
  /** Holds its properties, logs and data; gone with it. */
  readonly folder: string;
  /** Of the broker that runs now, or of the last one. */
  readonly pid: number;
  createTopic(name: string, options?: TopicOptions): Promise<void>;
  /** SIGKILL, as a crash; resolves when it is gone. */
  kill(): Promise<void>;
  /** A clean stop. */
  stop(): Promise<void>;
  /** Again, on the same ports and data; resolves when clients are served. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** The last lines of the broker's log. */
  logTail(): string;
}

const LISTENERS = ["PLAINTEXT", "CONTROLLER"] as const;

export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService> {
  const { heapMb = 512, config = {} } = options;
  const libraries = await kafkaLibraries();
  const folder = serverFolder();
  const ports = await freePorts(LISTENERS.length);
  const addresses = LISTENERS.map((name, index) => `${name}://127.0.0.1:${ports[index]}`);
  const brokers = `127.0.0.1:${ports[0]}`;
  const judge = judgeOf({ "bootstrap.servers": brokers });
  const propertiesFile = join(folder.path, "server.properties");
  const properties = { ...brokerConfig(folder.path, addresses), ...config };
  writeFileSync(
    propertiesFile,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );

  let broker: Jvm | undefined;
  let starts = 0;
  const logFile = (): string => join(folder.path, `broker-${starts}.log`);

  const running = (): Jvm => {
    if (broker === undefined || broker.hasEnded()) throw new Error("The broker doesn't run");
    return broker;
  };

  const start = async (): Promise<void> => {
    if (broker !== undefined && !broker.hasEnded()) throw new Error("The broker runs already");
    starts++;
    broker = startJvm({
      program: ["kafka.Kafka", propertiesFile],
      jvmFlags: [
        `-Xmx${heapMb}m`,
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        "-cp",
        `${libraries}/*`,
      ],
      cwd: folder.path,
      logFile: logFile(),
    });
    await broker.says("Kafka Server started");
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    broker?.kill(signal);
    await broker?.exited;
  };

  const service: KafkaService = {
    brokers,
    judge,
    folder: folder.path,
    get pid() {
      return broker?.pid ?? -1;
    },
    createTopic: (name, topic) => judge.createTopic(name, topic),
    kill: () => end("SIGKILL"),
    async stop() {
      running().kill("SIGTERM");
      await broker?.exited;
    },
    start,
    pause: () => running().kill("SIGSTOP"),
    resume: () => running().kill("SIGCONT"),
    logTail: () => tailOf(logFile()),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      folder[Symbol.dispose]();
    },
  };
  try {
    const args = ["format", "-t", crypto.randomUUID(), "-c", propertiesFile];
    await askJudge({ method: "format", client: {}, args: args.map(String) });
    await start();
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

let shared: Promise<KafkaService> | undefined;

/** One broker for all tests of this process, gone with it: topics and groups need names of their own. */
export function sharedKafka(): Promise<KafkaService> {
  shared ??= startKafka();
  return shared;
}

function brokerConfig(folder: string, addresses: readonly string[]): Record<string, string> {
  const controller = addresses.at(-1)?.replace("CONTROLLER://", "") ?? "";
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@${controller}`,
    listeners: addresses.join(","),
    "advertised.listeners": addresses.slice(0, -1).join(","),
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
