/** Standard output: a live table on a terminal, NDJSON in a pipe. At least once; rows carry the batch id. */

import { z } from "zod";
import { jsonLines } from "./json-lines.ts";
import { openLiveTable } from "./live-table.ts";
import type { Sink, SinkContext, SinkKind } from "./sink.ts";

export const stdoutSink: SinkKind = {
  name: "stdout",
  summary: "the standard output: a live table on a terminal, NDJSON in a pipe; URL `-`",
  options: z.strictObject({}),
  modes: ["append", "update", "complete"],
  fromUrl: (url) => (url === "-" ? {} : undefined),
  target: () => undefined,
  open: async (_options, context) => (context.stdout.isTerminal ? openLiveTable(context) : openPipe(context)),
};

function openPipe({ bareRows, input, shard, stdout }: SinkContext): Sink {
  const style = bareRows && input.mode === "append" ? "bare" : bareRows ? "changes" : "wrapped";
  return {
    async write(database, batch) {
      if (batch.rows === 0) return;
      for await (const text of jsonLines(database, input, batch, style, { partition: shard }))
        await stdout.send(text);
    },
    position: () => undefined,
    close: async () => {},
  };
}
