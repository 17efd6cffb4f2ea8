/** The JVM in which KafkaJudge.java answers: one for the whole test process, for any number of brokers. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cachedFolder, command, hashOf } from "./cache.ts";
import { dyingWithParent, SMALL_JVM } from "./jvm.ts";
import { mavenLibraries } from "./maven.ts";

const JUDGE = join(import.meta.dirname, "KafkaJudge.java");
/** Stdout is for answers alone: what the JVM itself warns of goes to stderr. */
const JVM_FLAGS = [
  ...SMALL_JVM,
  "-Xmx512m",
  "-Xlog:disable",
  "-Xlog:all=warning:stderr",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
];

/** The broker's jars; the Java client is among them. */
export function kafkaLibraries(): Promise<string> {
  return mavenLibraries("kafka", ["org.apache.kafka:kafka_2.13:4.0.0", "org.slf4j:slf4j-simple:1.7.36"]);
}

/** The compiled judge, and with it all that a broker needs: what a first use installs. */
export async function judgeClasses(): Promise<string> {
  const libraries = await kafkaLibraries();
  const hash = hashOf(readFileSync(JUDGE, "utf8"), libraries);
  return cachedFolder("kafka-judge", hash, async (folder) => {
    await command("javac", ["-proc:none", "-nowarn", "-cp", `${libraries}/*`, "-d", folder, JUDGE], {
      debianPackage: "default-jdk-headless",
    });
  });
}

export interface JudgeRequest {
  readonly method: string;
  readonly [parameter: string]: unknown;
}

let starting: Promise<Ask> | undefined;

type Ask = (request: JudgeRequest) => Promise<unknown>;

/** The judge's answer; what the Java client throws is an Error with its text. */
export async function askJudge(request: JudgeRequest): Promise<unknown> {
  starting ??= startJudge();
  const ask = await starting;
  return ask(request);
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (thrown: Error) => void;
}

async function startJudge(): Promise<Ask> {
  const classPath = `${await judgeClasses()}:${await kafkaLibraries()}/*`;
  const child = Bun.spawn(dyingWithParent(["java", ...JVM_FLAGS, "-cp", classPath, "KafkaJudge"]), {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const waiting = new Map<number, Waiting>();
  // While it owes an answer it keeps the process alive, and only then.
  child.unref();
  const take = (line: string): void => {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const asked = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) child.unref();
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error));
  };
  const said = { stderr: "" };
  void eachLine(child.stderr, (line) => {
    said.stderr = `${said.stderr}${line}\n`.slice(-4000);
  });
  const end = (why: string): void => {
    starting = undefined;
    child.kill("SIGKILL");
    for (const { reject } of waiting.values()) reject(new Error(`Kafka's judge ${why}\n${said.stderr}`));
    waiting.clear();
  };
  void eachLine(child.stdout, take).then(
    () => end("ended"),
    (thrown: unknown) => end(`said what is no answer: ${String(thrown)}`),
  );
  let lastId = 0;
  return async (request) => {
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    waiting.set(id, { resolve, reject });
    child.ref();
    await child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    await child.stdin.flush();
    return promise;
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}
