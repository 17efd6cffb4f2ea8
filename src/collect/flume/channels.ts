/** Flume's channels as ours. */

import type { Component } from "./component.ts";

const TUNING = "is not needed here: what is bounded is the bytes";

/** The options of a channel of a pipeline. */
export function channelOf(component: Component): Readonly<Record<string, unknown>> {
  const type = component.needed("type", "memory").toLowerCase();
  switch (type) {
    case "memory":
    case "org.apache.flume.channel.memorychannel": {
      component.skip(TUNING, [
        "capacity",
        "transactionCapacity",
        "byteCapacityBufferPercentage",
        "keep-alive",
      ]);
      const maxBytes = component.number("byteCapacity") ?? 0;
      return maxBytes > 0 ? { max_bytes: Math.max(maxBytes, 2 ** 20) } : {};
    }
    case "file":
    case "org.apache.flume.channel.file.filechannel":
      return fileChannel(component);
    case "spillablememory":
      component.refuse("type", "has no equivalent: a channel of type file is as fast here as one in memory");
      break;
    case "org.apache.flume.channel.kafka.kafkachannel":
      component.refuse(
        "type",
        "has no equivalent: write to the topic with a Kafka sink, and read it with a job",
      );
      break;
    case "":
      break;
    default:
      component.refuse("type", `the channel "${type}" has no equivalent: there are memory and file`);
  }
  component.ignoreRest();
  return {};
}

function fileChannel(component: Component): Readonly<Record<string, unknown>> {
  component.skip(TUNING, [
    "capacity",
    "transactionCapacity",
    "keep-alive",
    "maxFileSize",
    "minimumRequiredSpace",
  ]);
  component.skip("is not needed here: there is no checkpoint beside the data", [
    "checkpointInterval",
    "useDualCheckpoints",
    "backupCheckpointDir",
    "compressBackupCheckpoint",
    "checkpointOnClose",
    "use-log-replay-v1",
    "use-fast-replay",
    "fsyncPerTransaction",
    "fsyncInterval",
  ]);
  if (component.below("encryption").length > 0)
    component.refuse("encryption", "has no equivalent: use an encrypted file system");
  const folders = component.text("dataDirs")?.split(/\s*,\s*/) ?? [];
  const checkpoint = component.text("checkpointDir");
  const folder = folders[0] ?? checkpoint;
  if (folder === undefined) return { folder: `.streamkit-collect/channels/${component.name}` };
  // Flume's own files stay as they are: drain its channel first.
  const ours = `${folder.replace(/\/+$/, "")}-streamkit`;
  component.note(
    folders[0] === undefined ? "checkpointDir" : "dataDirs",
    `"${ours}" is the channel's folder: what is in Flume's is not taken over, so let Flume drain it first`,
  );
  return { folder: ours };
}
