/**
 * A real Hive Metastore (the standalone one, with Derby inside) on 127.0.0.1, with its own port and folder,
 * that tests may break. A started one is up in 4 to 8 seconds; tests that don't break theirs share one.
 */

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { type Breakable, breakable } from "./breakable.ts";
import { cachedFolder, hashOf } from "./cache.ts";
import { type Jvm, startJvm, tailOf } from "./jvm.ts";
import { mavenLibraries } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";
import { sparkJars } from "./spark.ts";

const HADOOP = "3.3.6";
const HADOOP_LIBRARIES = [
  `org.apache.hadoop:hadoop-common:${HADOOP}`,
  `org.apache.hadoop:hadoop-mapreduce-client-core:${HADOOP}`,
  `org.apache.hadoop:hadoop-hdfs:${HADOOP}`,
  `org.apache.hadoop:hadoop-hdfs-client:${HADOOP}`,
];

/** 2.3 is inside Spark; 3.1 is the last that Spark's client speaks to; 4.0 has only the newer calls. */
export const METASTORES = {
  "2.3.10": undefined,
  "3.1.3": "org.apache.hive:hive-standalone-metastore:3.1.3",
  "4.0.1": "org.apache.hive:hive-standalone-metastore-server:4.0.1",
} as const;

export type MetastoreVersion = keyof typeof METASTORES;

export interface MetastoreService extends AsyncDisposable, Breakable {
  /** `thrift://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** The folder in which it puts databases and tables that say no location. */
  readonly warehouse: string;
}

/** The folder of the jars. */
async function metastoreLibraries(version: MetastoreVersion): Promise<string> {
  const coordinate = METASTORES[version];
  if (coordinate === undefined) return sparkJars();
  return mavenLibraries(`hive-metastore-${version}`, [coordinate, ...HADOOP_LIBRARIES]);
}

export async function startMetastore(version: MetastoreVersion = "3.1.3"): Promise<MetastoreService> {
  const libraries = await metastoreLibraries(version);
  const template = await newCatalog(version);
  const [port = 0] = await freePorts(1);
  const folder = serverFolder();
  const warehouse = join(folder.path, "warehouse");
  cpSync(template, folder.path, { recursive: true });
  mkdirSync(warehouse);
  const metastore = breakable({
    name: "metastore",
    logFile: () => join(folder.path, "metastore.log"),
    launch: (logFile) => launch({ libraries, folder: folder.path, warehouse, port, logFile }),
    ready: (jvm, logFile) => listening(jvm, port, logFile),
  });

  const service: MetastoreService = {
    ...metastore,
    get pid() {
      return metastore.pid;
    },
    url: `thrift://127.0.0.1:${port}`,
    port,
    warehouse,
    async [Symbol.asyncDispose]() {
      await metastore.kill();
      folder[Symbol.dispose]();
    },
  };
  try {
    await service.start();
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

/**
 * The catalog that a metastore makes when it has none, which takes it most of its start. Its `default`
 * database is in no folder that is there.
 */
export async function newCatalog(version: MetastoreVersion): Promise<string> {
  const libraries = await metastoreLibraries(version);
  return cachedFolder("metastore", `catalog-${hashOf(libraries, "2")}`, async (empty) => {
    using folder = emptyFolder();
    const [port = 0] = await freePorts(1);
    const logFile = join(folder.path, "metastore.log");
    const made = { libraries, folder: folder.path, warehouse: "/no-default-database", port, logFile };
    const metastore = launch(made);
    await listening(metastore, port, logFile);
    metastore.kill("SIGTERM");
    await metastore.exited;
    cpSync(join(folder.path, "catalog"), join(empty, "catalog"), { recursive: true });
  });
}

interface Launch {
  readonly libraries: string;
  readonly folder: string;
  readonly warehouse: string;
  readonly port: number;
  readonly logFile: string;
}

const OPENED = ["java.lang", "java.net", "java.util"].map(
  (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
);

/** It listens at all interfaces: 3.1.3 can't be told one. */
function launch({ libraries, folder, warehouse, port, logFile }: Launch): Jvm {
  const conf = join(folder, "conf");
  writeConfig(conf, {
    "javax.jdo.option.ConnectionURL": `jdbc:derby:;databaseName=${join(folder, "catalog")};create=true`,
    "datanucleus.schema.autoCreateAll": "true",
    "metastore.schema.verification": "false",
    "hive.metastore.schema.verification": "false",
    "hive.async.log.enabled": "false",
    "metastore.warehouse.dir": `file:${warehouse}`,
    "hive.metastore.warehouse.dir": `file:${warehouse}`,
    "metastore.thrift.bind.host": "127.0.0.1",
    "metastore.expression.proxy": "org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy",
    "metastore.task.threads.always": "org.apache.hadoop.hive.metastore.events.EventCleanerTask",
  });
  return startJvm({
    program: ["org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", String(port)],
    jvmFlags: [
      "-Xmx384m",
      "-XX:TieredStopAtLevel=1",
      ...OPENED,
      `-Dderby.stream.error.file=${join(folder, "derby.log")}`,
      "-cp",
      `${conf}:${libraries}/*`,
    ],
    cwd: folder,
    logFile,
    // Java reads the names of files by it.
    env: { LC_ALL: "C.UTF-8" },
  });
}

const MAX_WAIT_MS = 90_000;

/** Longer than `until` waits: the first one makes its catalog. */
async function listening(metastore: Jvm, port: number, logFile: string): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await takesConnections(port))) {
    if (metastore.hasEnded()) throw new Error(`The metastore ended\n${tailOf(logFile)}`);
    if (performance.now() - startedAtMs > MAX_WAIT_MS)
      throw new Error(`The metastore takes no connections\n${tailOf(logFile)}`);
    await Bun.sleep(50);
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Hive reads the first of the two, Hadoop's part of it the other. */
function writeConfig(folder: string, properties: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  const entries = Object.entries(properties).map(
    ([name, value]) => `  <property><name>${name}</name><value>${value}</value></property>\n`,
  );
  for (const name of ["metastore-site.xml", "hive-site.xml"])
    writeFileSync(join(folder, name), `<configuration>\n${entries.join("")}</configuration>\n`);
}

let shared: Promise<MetastoreService> | undefined;

/** One metastore for all tests of this process, gone with it: tables need names of their own. */
export function sharedMetastore(): Promise<MetastoreService> {
  shared ??= startMetastore();
  return shared;
}
