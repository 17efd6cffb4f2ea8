/**
 * Readers of Iceberg tables that are not ours, as judges: pyiceberg from PyPI, and Spark with Iceberg's
 * runtime from Maven Central, which also writes. Spark is of the version that the runtime is made for.
 */

import { join } from "node:path";
import { Glob } from "bun";
import { type Ask, startAnswering } from "./answering-process.ts";
import { cachedFolder, command, hashOf } from "./cache.ts";
import { mavenLibraries } from "./maven.ts";
import { type Spark, startSpark } from "./spark.ts";

const PACKAGES = ["pyspark==4.1.1", "pyiceberg==0.12.0", "pyarrow==26.0.1"];
const RUNTIME = "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0";
const JUDGE = join(import.meta.dirname, "iceberg_judge.py");

interface IcebergRows {
  /** The schema's columns by name: `timestamptz`, `decimal(9, 2)`, `struct<5: a: optional int>`. */
  readonly types: Readonly<Record<string, string>>;
  readonly rows: readonly Record<string, unknown>[];
  /** The data files that the scan opens. */
  readonly files: readonly string[];
  /** Names of the partition spec's fields with their transforms. */
  readonly spec: readonly string[];
}

/** What the metadata says of all files that a table is made of. */
interface IcebergFiles {
  readonly data: readonly string[];
  readonly manifests: readonly string[];
  readonly lists: readonly string[];
  readonly records: number;
  readonly snapshots: readonly Readonly<Record<string, string>>[];
}

export interface PyIceberg {
  /** The rows that a filter lets through, like `symbol = 'A' and ts < '2026-01-05T15:00:00'`. */
  scan(table: string, filter?: string): Promise<IcebergRows>;
  files(table: string): Promise<IcebergFiles>;
}

/** The virtual environment of both: what a first use installs. */
export function icebergEnvironment(): Promise<string> {
  return cachedFolder("python", `iceberg-${hashOf(...PACKAGES)}`, async (folder) => {
    await command("python3", ["-m", "venv", folder], { debianPackage: "python3-venv" });
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", ...PACKAGES];
    await command(join(folder, "bin/python"), pip, { debianPackage: "python3-venv" });
  });
}

export function icebergRuntime(): Promise<string> {
  return mavenLibraries("iceberg-spark", [RUNTIME]);
}

let reader: Promise<PyIceberg> | undefined;

export function sharedPyIceberg(): Promise<PyIceberg> {
  reader ??= startPyIceberg();
  return reader;
}

async function startPyIceberg(): Promise<PyIceberg> {
  const environment = await icebergEnvironment();
  const { ask, ended } = startAnswering("pyiceberg", [join(environment, "bin/python"), JUDGE]);
  void ended.then(() => {
    reader = undefined;
  });
  return readerOf(ask);
}

function readerOf(ask: Ask): PyIceberg {
  return {
    scan: async (table, filter) =>
      (await ask({ method: "scan", table, filter: filter ?? null })) as IcebergRows,
    files: async (table) => (await ask({ method: "files", table })) as IcebergFiles,
  };
}

const sparks = new Map<string, Promise<Spark>>();

/** A Spark whose catalog `ice` has the tables of a folder. */
export function icebergSpark(warehouse: string): Promise<Spark> {
  const known = sparks.get(warehouse);
  if (known !== undefined) return known;
  const starting = startIcebergSpark(warehouse);
  sparks.set(warehouse, starting);
  return starting;
}

async function startIcebergSpark(warehouse: string): Promise<Spark> {
  const [jar] = new Glob("iceberg-spark-runtime-*.jar").scanSync({
    cwd: await icebergRuntime(),
    absolute: true,
  });
  if (jar === undefined) throw new Error("Iceberg's runtime has no jar");
  return startSpark({
    environment: await icebergEnvironment(),
    settings: {
      "spark.jars": jar,
      "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
      "spark.sql.catalog.ice": "org.apache.iceberg.spark.SparkCatalog",
      "spark.sql.catalog.ice.type": "hadoop",
      "spark.sql.catalog.ice.warehouse": warehouse,
      "spark.sql.catalog.ice.cache-enabled": "false",
    },
    onEnd: () => sparks.delete(warehouse),
  });
}
