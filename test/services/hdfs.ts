/**
 * A real HDFS on 127.0.0.1: one name node and one data node, with WebHDFS, that tests may break. It is up in
 * a few seconds; tests that don't break theirs share one.
 */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { cachedFolder, command, hashOf } from "./cache.ts";
import { type Jvm, startJvm, tailOf } from "./jvm.ts";
import { mavenLibraries } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";

const VERSION = "3.4.1";
const NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode";
const DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode";
/** WebHDFS answers 500 without. */
const JVM_FLAGS = ["-Xmx384m", "-XX:TieredStopAtLevel=1", "--add-opens", "java.base/java.lang=ALL-UNNAMED"];

const LOG4J = [
  "log4j.rootLogger=INFO,out",
  "log4j.appender.out=org.apache.log4j.ConsoleAppender",
  "log4j.appender.out.layout=org.apache.log4j.PatternLayout",
  "log4j.appender.out.layout.ConversionPattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n",
  "",
].join("\n");

export interface HdfsService extends AsyncDisposable {
  /** `127.0.0.1:PORT` of the name node's WebHDFS. */
  readonly address: string;
  /** `hdfs://127.0.0.1:PORT`, for Hadoop's own clients. */
  readonly rpcUrl: string;
  /** Holds logs and data; gone with it. */
  readonly folder: string;
  /** SIGKILL of the data node, as a crash; resolves when it is gone. */
  killDataNode(): Promise<void>;
  /** Again, on the same ports and data; resolves when files can be written. */
  startDataNode(): Promise<void>;
  /** SIGSTOP of the name node: connections stay open, nothing is answered. */
  pauseNameNode(): void;
  resumeNameNode(): void;
  logTail(): string;
}

/** The servers' jars: what a first use installs. */
export function hdfsLibraries(): Promise<string> {
  return mavenLibraries("hdfs", [
    `org.apache.hadoop:hadoop-hdfs:${VERSION}`,
    `org.apache.hadoop:hadoop-hdfs-client:${VERSION}`,
    `org.apache.hadoop:hadoop-common:${VERSION}`,
    "org.slf4j:slf4j-reload4j:1.7.36",
  ]);
}

export async function startHdfs(): Promise<HdfsService> {
  const libraries = await hdfsLibraries();
  const [rpc = 0, http = 0, data = 0, dataHttp = 0, dataIpc = 0] = await freePorts(5);
  const folder = serverFolder();
  const conf = join(folder.path, "conf");
  for (const web of ["hdfs", "datanode"]) mkdirSync(join(conf, "webapps", web), { recursive: true });
  writeFileSync(join(conf, "core-site.xml"), siteXml({ "fs.defaultFS": `hdfs://127.0.0.1:${rpc}` }));
  writeFileSync(
    join(conf, "hdfs-site.xml"),
    siteXml({
      "dfs.replication": "1",
      "dfs.permissions.enabled": "true",
      "dfs.namenode.name.dir": `file://${join(folder.path, "name")}`,
      "dfs.datanode.data.dir": `file://${join(folder.path, "data")}`,
      "dfs.namenode.http-address": `127.0.0.1:${http}`,
      "dfs.datanode.address": `127.0.0.1:${data}`,
      "dfs.datanode.http.address": `127.0.0.1:${dataHttp}`,
      "dfs.datanode.ipc.address": `127.0.0.1:${dataIpc}`,
      "dfs.namenode.safemode.extension": "0",
      // Gives delegation tokens, which else only a cluster with Kerberos does.
      "dfs.namenode.delegation.token.always-use": "true",
      // A data node that is killed and started again is known within seconds.
      "dfs.heartbeat.interval": "1",
    }),
  );
  writeFileSync(join(conf, "log4j.properties"), LOG4J);
  const logOf = (name: string): string => join(folder.path, `${name}.log`);
  const start = (main: string, name: string, ...args: readonly string[]): Jvm =>
    startJvm({
      program: [main, ...args],
      jvmFlags: [...JVM_FLAGS, "-cp", `${conf}:${libraries}/*`],
      cwd: folder.path,
      logFile: logOf(name),
    });
  let nameNode: Jvm | undefined;
  let dataNode: Jvm | undefined;
  const address = `127.0.0.1:${http}`;

  const service: HdfsService = {
    address,
    rpcUrl: `hdfs://127.0.0.1:${rpc}`,
    folder: folder.path,
    async killDataNode() {
      dataNode?.kill("SIGKILL");
      await dataNode?.exited;
    },
    async startDataNode() {
      dataNode = start(DATA_NODE, "data-node");
      await patiently(() => takesFiles(address)).catch((cause: unknown) => {
        throw new Error(`${String(cause)}\n${service.logTail()}`, { cause });
      });
    },
    pauseNameNode: () => nameNode?.kill("SIGSTOP"),
    resumeNameNode: () => nameNode?.kill("SIGCONT"),
    logTail: () => `${tailOf(logOf("name-node"))}\n${tailOf(logOf("data-node"))}`,
    async [Symbol.asyncDispose]() {
      for (const node of [dataNode, nameNode]) {
        node?.kill("SIGKILL");
        await node?.exited;
      }
      folder[Symbol.dispose]();
    },
  };
  try {
    cpSync(await formattedFolder(libraries), join(folder.path, "name"), { recursive: true });
    nameNode = start(NAME_NODE, "name-node");
    await service.startDataNode();
    await openToAll(address);
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

/**
 * A name node of another cluster, one of two of which none was made the active one: it stands by, and says so
 * to whoever asks.
 */
export async function startStandby(): Promise<AsyncDisposable & { readonly address: string }> {
  const libraries = await hdfsLibraries();
  const [rpc = 0, http = 0, otherRpc = 0, otherHttp = 0] = await freePorts(4);
  const folder = serverFolder();
  const conf = join(folder.path, "conf");
  mkdirSync(join(conf, "webapps/hdfs"), { recursive: true });
  writeFileSync(join(conf, "core-site.xml"), siteXml({ "fs.defaultFS": "hdfs://pair" }));
  writeFileSync(
    join(conf, "hdfs-site.xml"),
    siteXml({
      "dfs.nameservices": "pair",
      "dfs.ha.namenodes.pair": "a,b",
      "dfs.ha.namenode.id": "a",
      "dfs.namenode.rpc-address.pair.a": `127.0.0.1:${rpc}`,
      "dfs.namenode.http-address.pair.a": `127.0.0.1:${http}`,
      "dfs.namenode.rpc-address.pair.b": `127.0.0.1:${otherRpc}`,
      "dfs.namenode.http-address.pair.b": `127.0.0.1:${otherHttp}`,
      "dfs.namenode.shared.edits.dir": `file://${join(folder.path, "shared")}`,
      "dfs.namenode.name.dir": `file://${join(folder.path, "name")}`,
    }),
  );
  writeFileSync(join(conf, "log4j.properties"), LOG4J);
  const start = (name: string, ...args: readonly string[]): Jvm =>
    startJvm({
      program: [NAME_NODE, ...args],
      jvmFlags: [...JVM_FLAGS, "-cp", `${conf}:${libraries}/*`],
      cwd: folder.path,
      logFile: join(folder.path, `${name}.log`),
    });
  await start("format", "-format", "-nonInteractive").exited;
  const nameNode = start("name-node");
  const address = `127.0.0.1:${http}`;
  const standsBy = async (): Promise<boolean> => {
    const url = `http://${address}/webhdfs/v1/?op=LISTSTATUS&user.name=${SUPERUSER}`;
    const answer = await fetch(url).catch(() => undefined);
    return (await answer?.text())?.includes("StandbyException") === true;
  };
  await patiently(standsBy).catch((cause: unknown) => {
    nameNode.kill("SIGKILL");
    throw new Error(`${String(cause)}\n${tailOf(join(folder.path, "name-node.log"))}`, { cause });
  });
  return {
    address,
    async [Symbol.asyncDispose]() {
      nameNode.kill("SIGKILL");
      await nameNode.exited;
      folder[Symbol.dispose]();
    },
  };
}

/** Two JVMs come up, on machines that have other work too. */
async function patiently(condition: () => Promise<boolean>): Promise<void> {
  const ATTEMPTS = 5;
  for (let attempt = 1; ; attempt++) {
    try {
      return await until("HDFS", condition);
    } catch (cause) {
      if (attempt === ATTEMPTS) throw cause;
    }
  }
}

/** What a name node begins with, made once for the machine: that takes a JVM of its own. */
function formattedFolder(libraries: string): Promise<string> {
  return cachedFolder("hdfs", `formatted-${hashOf(libraries)}`, async (folder) => {
    using conf = emptyFolder();
    const site = { "fs.defaultFS": "hdfs://127.0.0.1:1", "dfs.namenode.name.dir": `file://${folder}` };
    for (const file of ["core-site.xml", "hdfs-site.xml"])
      writeFileSync(join(conf.path, file), siteXml(site));
    const classPath = ["-cp", `${conf.path}:${libraries}/*`];
    await command("java", [...classPath, NAME_NODE, "-format", "-force", "-nonInteractive"], {
      debianPackage: "default-jdk-headless",
    });
  });
}

/** Who started the name node. */
const SUPERUSER = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();

async function openToAll(address: string): Promise<void> {
  const url = `http://${address}/webhdfs/v1/?op=SETPERMISSION&permission=777&user.name=${SUPERUSER}`;
  const answer = await fetch(url, { method: "PUT" });
  if (!answer.ok) throw new Error(`SETPERMISSION: ${await answer.text()}`);
}

/** Whether a small file can be written and is closed. */
async function takesFiles(address: string): Promise<boolean> {
  const user = `user.name=${SUPERUSER}`;
  try {
    const url = `http://${address}/webhdfs/v1/probe`;
    const told = await fetch(`${url}?op=CREATE&overwrite=true&noredirect=true&${user}`, { method: "PUT" });
    if (!told.ok) return false;
    const { Location: location } = (await told.json()) as { Location: string };
    const written = await fetch(location, { method: "PUT", body: "probe" });
    return written.status === 201;
  } catch {
    return false;
  }
}

let shared: Promise<HdfsService> | undefined;

/** One HDFS for all tests of this process, gone with it: folders need names of their own. */
export function sharedHdfs(): Promise<HdfsService> {
  shared ??= startHdfs();
  return shared;
}

function siteXml(properties: Readonly<Record<string, string>>): string {
  const entries = Object.entries(properties).map(
    ([name, value]) => `  <property><name>${name}</name><value>${value}</value></property>`,
  );
  return `<?xml version="1.0"?>\n<configuration>\n${entries.join("\n")}\n</configuration>\n`;
}
