/** Flume's sinks as outputs. */

import type { Component } from "./component.ts";
import { kafkaSink } from "./kafka-sink.ts";

type Target = string | Readonly<Record<string, unknown>>;
type Translate = (component: Component) => Target | undefined;

const TUNING = "is not needed here: batches follow the load";

const TYPES: Readonly<Record<string, Translate>> = {
  hdfs: hdfsSink,
  file_roll: fileRoll,
  kafka: kafkaSink,
  logger: (component) => ({ logger: { max_bytes: component.number("maxBytesToLog") ?? 16 } }),
  null(component) {
    component.skip(TUNING, ["batchSize"]);
    return "null:";
  },
  http(component) {
    component.skip(TUNING, [
      "connectTimeout",
      "defaultBackoff",
      "defaultRollback",
      "defaultIncrementMetrics",
    ]);
    component.note("type", "a batch of events is one POST of lines here, not a POST each");
    const timeoutMs = component.number("requestTimeout") ?? 30_000;
    const type = component.text("contentTypeHeader") ?? "text/plain";
    const url = component.needed("endpoint", "http://127.0.0.1:8080/in");
    return { http: { url, content_type: type, timeout: `${timeoutMs}ms` } };
  },
};

const CLASSES: Readonly<Record<string, string>> = {
  "org.apache.flume.sink.hdfs.hdfseventsink": "hdfs",
  "org.apache.flume.sink.rollingfilesink": "file_roll",
  "org.apache.flume.sink.kafka.kafkasink": "kafka",
  "org.apache.flume.sink.loggersink": "logger",
  "org.apache.flume.sink.nullsink": "null",
  "org.apache.flume.sink.http.httpsink": "http",
};

const ADVICE: Readonly<Record<string, string>> = {
  avro: "use an http output, and an http source at the other side",
  thrift: "use an http output, and an http source at the other side",
  hive: "use a job with a sink {parquet: {…}}, which writes Hive tables",
};

/** Undefined where it was refused. */
export function targetOf(component: Component): Target | undefined {
  const type = component.needed("type", "hdfs");
  const translate = TYPES[CLASSES[type.toLowerCase()] ?? type.toLowerCase()];
  if (translate !== undefined) return translate(component);
  if (type !== "")
    component.refuse(
      "type",
      `the sink "${type}" has no equivalent: ` +
        (ADVICE[type.toLowerCase()] ?? `there are ${Object.keys(TYPES).join(", ")}`),
    );
  component.ignoreRest();
  return undefined;
}

function textSerializer(component: Component, name: string): void {
  component.only(name, ["TEXT", "text"], "events are written as lines of text");
  component.only(`${name}.appendNewline`, ["true"], "each event is a line");
}

function fileRoll(component: Component): Target {
  component.skip(TUNING, ["sink.batchSize", "batchSize"]);
  textSerializer(component, "sink.serializer");
  component.only("sink.pathManager", ["DEFAULT"], "files are named by their time");
  const folder = component.needed("sink.directory", "/var/log/collected");
  const prefix = component.text("sink.pathManager.prefix") ?? "";
  const extension = component.text("sink.pathManager.extension");
  const suffix = extension === undefined ? "" : `.${extension}`;
  const seconds = component.number("sink.rollInterval") ?? 30;
  if (seconds === 0) {
    const path = `${folder}/${prefix === "" ? "events" : prefix}${suffix}`;
    component.note("sink.rollInterval", `the one file is "${path}"`);
    return { file: { path } };
  }
  component.note("type", "a file appears in the folder when it is finished");
  return {
    roll: {
      to: folder,
      prefix: prefix === "" ? "events" : prefix,
      suffix,
      roll_every: `${seconds}s`,
      roll_bytes: 0,
    },
  };
}

const ROUND_UNITS: Readonly<Record<string, string>> = { second: "s", minute: "m", hour: "h" };
const NEEDLESS = [
  "hdfs.batchSize",
  "hdfs.threadsPoolSize",
  "hdfs.rollTimerPoolSize",
  "hdfs.callTimeout",
  "hdfs.retryInterval",
  "hdfs.closeTries",
  "hdfs.minBlockReplicas",
  "hdfs.writeFormat",
  "hdfs.emptyInUseSuffix",
];

function hdfsSink(component: Component): Target {
  component.skip(TUNING, NEEDLESS);
  component.skip("a file appears on HDFS when it is finished: until then it grows on this machine", [
    "hdfs.inUsePrefix",
    "hdfs.inUseSuffix",
  ]);
  for (const name of ["hdfs.kerberosPrincipal", "hdfs.kerberosKeytab"])
    if (component.text(name) !== undefined)
      component.refuse(
        name,
        "Kerberos has no equivalent: give a delegation token in WEBHDFS_DELEGATION_TOKEN",
      );
  if (component.text("hdfs.proxyUser") !== undefined)
    component.refuse("hdfs.proxyUser", "has no equivalent: name the user as HADOOP_USER_NAME");
  textSerializer(component, "serializer");
  const type = component.text("hdfs.fileType") ?? "SequenceFile";
  if (type === "SequenceFile")
    component.refuse(
      "hdfs.fileType",
      "SequenceFile, Flume's default, has no equivalent: write DataStream (text)",
    );
  const codec = component.text("hdfs.codeC");
  if (codec !== undefined && !/^gzip$/i.test(codec))
    component.refuse("hdfs.codeC", `"${codec}" has no equivalent: gzip is there`);
  const { to, path } = hdfsPath(component);
  const round = component.flag("hdfs.round") ?? false;
  const [roundValue, roundUnit] = [
    component.number("hdfs.roundValue") ?? 1,
    component.text("hdfs.roundUnit"),
  ];
  const idleSeconds = component.number("hdfs.idleTimeout") ?? 0;
  return {
    roll: {
      to,
      path,
      prefix: component.text("hdfs.filePrefix") ?? "FlumeData",
      suffix: component.text("hdfs.fileSuffix") ?? "",
      roll_bytes: component.number("hdfs.rollSize") ?? 1024,
      roll_events: component.number("hdfs.rollCount") ?? 10,
      roll_every: `${component.number("hdfs.rollInterval") ?? 30}s`,
      idle: `${idleSeconds}s`,
      gzip: codec !== undefined && type === "CompressedStream",
      max_open: Math.min(component.number("hdfs.maxOpenFiles") ?? 100, 300),
      timezone: component.text("hdfs.timeZone") ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      time: component.flag("hdfs.useLocalTimeStamp") === true ? "clock" : "header",
      round: round ? `${roundValue}${ROUND_UNITS[roundUnit ?? "second"] ?? "s"}` : "0",
    },
  };
}

const WEBHDFS_PORT = 9870;

/** Where escapes begin, the part of the path begins that differs from event to event. */
function hdfsPath(component: Component): { readonly to: string; readonly path: string } {
  const given = component.needed("hdfs.path", "webhdfs://namenode:9870/logs/%Y-%m-%d");
  const escape = given.indexOf("%");
  const slash = escape < 0 ? given.length : given.lastIndexOf("/", escape);
  const [root, path] = [given.slice(0, slash), given.slice(slash + 1)];
  const found = /^(hdfs|webhdfs|swebhdfs|file):\/\/([^/]*)(\/.*)?$/.exec(root);
  if (found === null) {
    component.refuse(
      "hdfs.path",
      `without a name node it can't be told where "${root}" is: write webhdfs://HOST:${WEBHDFS_PORT}${root}`,
    );
    return { to: root, path };
  }
  const [, scheme, host = "", folder = ""] = found;
  if (scheme !== "hdfs") return { to: scheme === "file" ? folder : root, path };
  const to = `webhdfs://${host.replace(/:\d+$/, "")}:${WEBHDFS_PORT}${folder}`;
  component.note("hdfs.path", `is written over WebHDFS, at "${to}": check the port of the name node's HTTP`);
  return { to, path };
}
