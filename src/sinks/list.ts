/** The sinks there are: a new one is one line here. */

import { StreamkitError } from "../base/error.ts";
import { duckdbSink } from "./duckdb.ts";
import { fileSink } from "./file.ts";
import { icebergSink } from "./iceberg.ts";
import { kafkaSink } from "./kafka.ts";
import { parquetSink } from "./parquet.ts";
import { postgresSink } from "./postgres.ts";
import type { SinkKind } from "./sink.ts";
import { sqliteSink } from "./sqlite.ts";
import { stdoutSink } from "./stdout.ts";

/** Those with options: a key of their own in a sink's entry. */
export const keyedSinkKinds = [
  parquetSink,
  icebergSink,
  kafkaSink,
  postgresSink,
  duckdbSink,
  sqliteSink,
] as readonly SinkKind[];
const sinkKinds: readonly SinkKind[] = [stdoutSink, fileSink, ...keyedSinkKinds];

/** The kind and options that `to: URL` or `parquet: {…}` stand for. Throws code `job`. */
export function resolveSink(config: Readonly<Record<string, unknown>>): { kind: SinkKind; options: unknown } {
  const named = keyedSinkKinds.filter(({ name }) => config[name] !== undefined);
  const url = config["to"];
  if (named.length + (url === undefined ? 0 : 1) !== 1)
    throw new StreamkitError(
      "job",
      `exactly one of ${["to", ...keyedSinkKinds.map(({ name }) => name)].join(", ")} is expected`,
    );
  const [kind] = named;
  if (kind !== undefined) return { kind, options: config[kind.name] };
  for (const candidate of sinkKinds) {
    const options = candidate.fromUrl(String(url));
    if (options !== undefined) return { kind: candidate, options: candidate.options.parse(options) };
  }
  throw new StreamkitError(
    "job",
    "this version writes to - (standard output), file:PATH, kafka://HOST:PORT/TOPIC, " +
      "postgres://HOST:PORT/DATABASE, duckdb:FILE, sqlite:FILE (each with ?table=), " +
      "iceberg:WAREHOUSE/TABLE and parquet: {…}, " +
      `found "${String(url)}"`,
  );
}
