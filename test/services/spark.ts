/**
 * Spark and pyarrow, from PyPI, as judges of the tables that we write. Spark starts in about six seconds, so
 * one process for each metastore answers for the whole test process.
 */

import { join } from "node:path";
import { Glob } from "bun";
import { type Ask, startAnswering } from "./answering-process.ts";
import { cachedFolder, command, hashOf } from "./cache.ts";
import { dyingWithParent } from "./jvm.ts";
import { serverFolder } from "./server-folder.ts";

const PACKAGES = ["pyspark==4.3.0", "pyarrow==26.0.1"];
const JUDGE = join(import.meta.dirname, "spark_judge.py");

interface JudgedColumn {
  readonly name: string;
  /** As Spark or pyarrow write it: `decimal(9,2)`, `timestamp[us, tz=UTC]`. */
  readonly type: string;
}

interface JudgedRows {
  readonly columns: readonly JudgedColumn[];
  /** As Spark's `to_json` has them: binary in base64, times to the millisecond, decimals as numbers. */
  readonly rows: readonly Record<string, unknown>[];
}

export interface Spark {
  /** Statements of one new session; the answer is the last one's. */
  sql(
    statements: string | readonly string[],
    settings?: Readonly<Record<string, string>>,
  ): Promise<JudgedRows>;
  /** One Parquet file by pyarrow. */
  arrow(file: string): Promise<JudgedRows>;
}

/** The virtual environment of both: what a first use installs. */
export function sparkEnvironment(): Promise<string> {
  return cachedFolder("python", `spark-${hashOf(...PACKAGES)}`, async (folder) => {
    await command("python3", ["-m", "venv", folder], { debianPackage: "python3-venv" });
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", ...PACKAGES];
    await command(join(folder, "bin/python"), pip, { debianPackage: "python3-venv" });
  });
}

/** The folder of Spark's jars. */
export async function sparkJars(): Promise<string> {
  const [jars] = new Glob("lib/python3*/site-packages/pyspark/jars").scanSync({
    cwd: await sparkEnvironment(),
    absolute: true,
    onlyFiles: false,
  });
  if (jars === undefined) throw new Error("pyspark has no jars");
  return jars;
}

const sparks = new Map<string, Promise<Spark>>();

/** The Spark whose catalog is this metastore (`thrift://HOST:PORT`), or one of its own. */
export function sharedSpark(metastore = ""): Promise<Spark> {
  const known = sparks.get(metastore);
  if (known !== undefined) return known;
  const starting = sparkEnvironment().then((environment) =>
    startSpark({
      environment,
      settings: metastore === "" ? {} : { "spark.hadoop.hive.metastore.uris": metastore },
      onEnd: () => sparks.delete(metastore),
    }),
  );
  sparks.set(metastore, starting);
  return starting;
}

interface SparkOptions {
  /** A virtual environment that has pyspark. */
  readonly environment: string;
  /** Beside those that each has. */
  readonly settings: Readonly<Record<string, string>>;
  readonly onEnd: () => void;
}

export async function startSpark({ environment, settings: own, onEnd }: SparkOptions): Promise<Spark> {
  const folder = serverFolder();
  const settings = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "700m",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.warehouse.dir": join(folder.path, "warehouse"),
    "spark.local.dir": folder.path,
    "spark.driver.extraJavaOptions": `-Dderby.system.home=${folder.path} -XX:TieredStopAtLevel=1`,
    ...own,
  };
  const flags = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const program = dyingWithParent([join(environment, "bin/python"), JUDGE, ...flags]);
  const { ask, ended } = startAnswering("Spark", program, { LC_ALL: "C.UTF-8" });
  void ended.then(() => {
    onEnd();
    folder[Symbol.dispose]();
  });
  return sparkOf(ask);
}

function sparkOf(ask: Ask): Spark {
  return {
    async sql(statements, settings = {}) {
      const list = typeof statements === "string" ? [statements] : statements;
      return (await ask({ method: "sql", statements: list, settings })) as JudgedRows;
    },
    arrow: async (file) => (await ask({ method: "arrow", file })) as JudgedRows,
  };
}
