/** The JVM in which KafkaJudge.java answers: one for the whole test process, for any number of brokers. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Ask, type Request, startAnswering } from "./answering-process.ts";
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

let starting: Promise<Ask> | undefined;

/** The judge's answer; what the Java client throws is an Error with its text. */
export async function askJudge(request: Request): Promise<unknown> {
  starting ??= startJudge();
  const ask = await starting;
  return ask(request);
}

async function startJudge(): Promise<Ask> {
  const classPath = `${await judgeClasses()}:${await kafkaLibraries()}/*`;
  const program = dyingWithParent(["java", ...JVM_FLAGS, "-cp", classPath, "KafkaJudge"]);
  const { ask, ended } = startAnswering("Kafka's judge", program);
  void ended.then(() => {
    starting = undefined;
  });
  return ask;
}
