/**
 * Flume's sources as inputs. Some become several: each has the name of the source and what tells it apart.
 */

import type { Component } from "./component.ts";
import { globOfFileGroup } from "./file-group.ts";

export interface TranslatedSource {
  /** Added to the source's name. */
  readonly suffix: string;
  readonly from: Readonly<Record<string, unknown>>;
}

type Translate = (component: Component) => TranslatedSource[];

const TUNING = "is not needed here: batches and pauses follow the load";

const TYPES: Readonly<Record<string, Translate>> = {
  taildir,
  spooldir,
  exec,
  netcat(component) {
    return one({
      tcp: {
        listen: listenOf(component),
        max_line: component.number("max-line-length") ?? 512,
        answer_ok: component.flag("ack-every-event") ?? true,
      },
    });
  },
  netcatudp: (component) => {
    component.flag("remoteAddressHeader");
    return one({ syslog: { listen: listenOf(component), protocol: "udp" } });
  },
  syslogtcp: (component) => one({ syslog: { listen: listenOf(component, "host"), ...syslogOf(component) } }),
  syslogudp: (component) =>
    one({ syslog: { listen: listenOf(component, "host"), protocol: "udp", ...syslogOf(component) } }),
  multiport_syslogtcp(component) {
    const host = component.text("host") ?? "0.0.0.0";
    component.skip(TUNING, ["numProcessors", "readBufferSize"]);
    component.only("charset.default", ["UTF-8"], "events are UTF-8, or bytes that are kept");
    const options = syslogOf(component);
    if (component.text("portHeader") !== undefined)
      component.refuse("portHeader", "has no equivalent: give each port a source with a static interceptor");
    return component
      .words("ports")
      .map((port) => ({ suffix: `_${port}`, from: { syslog: { listen: `${host}:${port}`, ...options } } }));
  },
  http(component) {
    component.only(
      "handler",
      ["org.apache.flume.source.http.JSONHandler"],
      "Flume's JSON is taken; lines and plain JSON are too, with an input {http: {…}} of a pipeline",
    );
    if (component.flag("enableSSL") === true || component.flag("ssl") === true)
      component.refuse("ssl", "has no equivalent: put a proxy in front of it");
    return one({ http: { listen: listenOf(component), path: "*", flume: true } });
  },
};

const CLASSES: Readonly<Record<string, string>> = {
  "org.apache.flume.source.taildir.taildirsource": "taildir",
  "org.apache.flume.source.spooldirectorysource": "spooldir",
  "org.apache.flume.source.execsource": "exec",
  "org.apache.flume.source.netcatsource": "netcat",
  "org.apache.flume.source.netcatudpsource": "netcatudp",
  "org.apache.flume.source.syslogtcpsource": "syslogtcp",
  "org.apache.flume.source.syslogudpsource": "syslogudp",
  "org.apache.flume.source.multiportsyslogtcpsource": "multiport_syslogtcp",
  "org.apache.flume.source.http.httpsource": "http",
};

const ADVICE: Readonly<Record<string, string>> = {
  avro: "let the sender use an http output of streamkit, and take an http source here",
  thrift: "let the sender use an http output of streamkit, and take an http source here",
  "org.apache.flume.source.kafka.kafkasource": "use a job with `from: kafka://HOST:PORT/TOPIC`",
  seq: "use streamkit simulate",
  "org.apache.flume.source.stresssource": "use streamkit simulate --rate 0",
};

export function inputsOf(component: Component): TranslatedSource[] {
  const type = component.needed("type", "TAILDIR");
  const translate = TYPES[CLASSES[type.toLowerCase()] ?? type.toLowerCase()];
  if (translate !== undefined) return translate(component);
  if (type !== "")
    component.refuse(
      "type",
      `the source "${type}" has no equivalent: ` +
        (ADVICE[type.toLowerCase()] ?? `there are ${Object.keys(TYPES).join(", ")}`),
    );
  component.ignoreRest();
  return [];
}

function one(from: Readonly<Record<string, unknown>>): TranslatedSource[] {
  return [{ suffix: "", from }];
}

function listenOf(component: Component, hostName = "bind"): string {
  const host = component.text(hostName) ?? component.text("bind") ?? "0.0.0.0";
  return `${host.includes(":") ? `[${host}]` : host}:${component.needed("port", "44444")}`;
}

function syslogOf(component: Component): Readonly<Record<string, unknown>> {
  const keeps = (component.text("keepFields") ?? "none").toLowerCase();
  const isWhole = keeps === "all" || keeps === "true";
  if (!isWhole && keeps !== "none" && keeps !== "false")
    component.refuse("keepFields", "single fields can't be kept in the event: all, or none");
  component.skip(TUNING, ["batchSize", "rateLimit"]);
  const maxBytes = component.number("eventSize");
  return {
    headers: { facility: "Facility", severity: "Severity", timestamp: "timestamp", host: "host" },
    body: isWhole ? "line" : "message",
    ...(maxBytes !== undefined && { max_message: Math.max(maxBytes, 480) }),
  };
}

function taildir(component: Component): TranslatedSource[] {
  component.skip(TUNING, [
    "batchSize",
    "maxBatchCount",
    "idleTimeout",
    "writePosInterval",
    "backoffSleepIncrement",
    "maxBackoffSleep",
    "cachePatternMatching",
  ]);
  if (component.text("positionFile") !== undefined)
    component.note(
      "positionFile",
      "Flume's positions are not taken over, and ours are kept below `state`: the first start reads files " +
        "from their start, or, with skipToEnd = true, from their end",
    );
  if (component.flag("byteOffsetHeader") === true)
    component.refuse("byteOffsetHeader", "has no equivalent: events of a block share their headers");
  const from = component.flag("skipToEnd") === true ? "end" : "start";
  const fileKey = component.text("fileHeaderKey") ?? "file";
  const fileHeader = component.flag("fileHeader") === true ? fileKey : "";
  const groups = component.words("filegroups");
  if (groups.length === 0) component.needed("filegroups", "f1");
  return groups.map((group) => {
    const name = `filegroups.${group}`;
    const glob = globOfFileGroup(component.needed(name, "/var/log/app/.*\\.log"));
    if (glob === undefined)
      component.refuse(
        name,
        "this regular expression is no glob: write the files as an input {tail: {path: …}} of a pipeline",
      );
    const headers = Object.fromEntries(
      component.below(`headers.${group}`).map((header) => [header.name, header.value]),
    );
    const suffix = groups.length === 1 ? "" : `_${group}`;
    return { suffix, from: { tail: { path: glob ?? "", from, headers, file_header: fileHeader } } };
  });
}

function spooldir(component: Component): TranslatedSource[] {
  component.skip(TUNING, ["batchSize", "pollDelay", "maxBackoff", "bufferMaxLines", "bufferMaxLineLength"]);
  component.skip("is not needed here: a file is renamed when it is read", ["trackerDir", "trackingPolicy"]);
  component.skip("bytes are kept as they are", ["decodeErrorPolicy"]);
  component.only("consumeOrder", ["oldest"], "the oldest file comes first");
  component.only("inputCharset", ["UTF-8"], "events are UTF-8, or bytes that are kept");
  component.only("deserializer", ["LINE"], "an event is a line; Avro files can be read by DuckDB");
  if (component.flag("recursiveDirectorySearch") === true)
    component.refuse("recursiveDirectorySearch", "has no equivalent: give each folder a source");
  const policy = component.text("deletePolicy")?.toLowerCase() ?? "never";
  const key = (flag: string, name: string, standard: string): string | undefined => {
    const given = component.text(name);
    return component.flag(flag) === true ? (given ?? standard) : undefined;
  };
  const fileHeader = key("fileHeader", "fileHeaderKey", "file");
  const nameHeader = key("basenameHeader", "basenameHeaderKey", "basename");
  const maxLine = component.number("deserializer.maxLineLength") ?? 2048;
  component.only("deserializer.outputCharset", ["UTF-8"], "bytes are kept as they are");
  const [include, ignore] = [component.text("includePattern"), component.text("ignorePattern")];
  return one({
    spooldir: {
      folder: component.needed("spoolDir", "/var/log/finished"),
      completed: component.text("fileSuffix") ?? ".COMPLETED",
      remove: policy === "immediate",
      max_line: maxLine,
      ...(include !== undefined && { include: `^(?:${include})$` }),
      ...(ignore !== undefined && { ignore: `^(?:${ignore})$` }),
      ...(fileHeader !== undefined && { file_header: fileHeader }),
      ...(nameHeader !== undefined && { name_header: nameHeader }),
    },
  });
}

const TAIL_COMMAND =
  /^tail\s+(?:-[fF]|--follow(?:=name)?)(?:\s+-n\s*\+?\d+|\s+--retry)*\s+(\/[^\s|;&<>$`*?]+)$/;

function exec(component: Component): TranslatedSource[] {
  component.skip(TUNING, ["batchSize", "batchTimeout"]);
  component.skip("what a program writes to stderr is always logged", ["logStdErr"]);
  const command = component.needed("command", "tail -F /var/log/app.log");
  const shell = component.text("shell");
  const restart = component.flag("restart") ?? false;
  const restartMs = component.number("restartThrottle") ?? 10_000;
  const followed = TAIL_COMMAND.exec(command)?.[1];
  if (followed !== undefined) {
    component.note(
      "command",
      `"${followed}" is followed by streamkit itself, from its end on the first start and from where it ` +
        "was on later ones: nothing is lost through rotation and restarts",
    );
    return one({ tail: { path: followed, from: "end", file_header: "" } });
  }
  return one({
    exec: { command, restart, restart_after: `${restartMs}ms`, ...(shell !== undefined && { shell }) },
  });
}
