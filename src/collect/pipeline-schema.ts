/**
 * A pipeline as people write it: inputs, channels, outputs. One schema for the file and for what flags mean.
 */

import { z } from "zod";
import { durationMs } from "../base/units.ts";
import { interceptorKinds } from "./interceptors/list.ts";

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** `timestamp`, or `{static: {…}}`. */
const interceptor = z.union([z.string(), z.record(z.string(), z.unknown())], {
  error: `one of ${interceptorKinds.map(({ name }) => name).join(", ")} is expected, with its options`,
});

const routes = z.strictObject({
  by: z.string().min(1).describe("the header that decides"),
  values: z.record(z.string(), names).describe("for each value the channel, or a list of channels"),
  otherwise: names.optional().describe("for every other value and none; left out, such events are dropped"),
});

const input = z.strictObject({
  from: z.unknown().describe("a URL like `tcp://127.0.0.1:9000`, or `{KIND: {…}}`"),
  interceptors: z.array(interceptor).default([]).describe("what is done to events, in this order"),
  channels: z
    .union([names, routes])
    .optional()
    .describe(
      "where they go: a channel, several (each gets all), or `{by, values, otherwise}`; all if left out",
    ),
});

const bytes = z.union([z.number().int().positive(), z.string()]);

const channel = z.strictObject({
  folder: z.string().min(1).optional().describe("keeps events on disk here; in memory if left out"),
  max_bytes: bytes
    .optional()
    .describe("a full channel takes no more; `64MiB` in memory, `1GiB` on disk if left out"),
});

const target = z.union([z.string().min(1), z.record(z.string(), z.unknown())]);

const sink = z
  .strictObject({
    from: z.string().optional().describe("the channel; may be left out where there is one"),
    to: target.optional().describe("a URL like `kafka://127.0.0.1:9092/logs`, or `{KIND: {…}}`"),
    failover: z.array(target).min(1).optional().describe("the first of these outputs that works"),
    load_balance: z.array(target).min(1).optional().describe("each batch to another of these outputs"),
    pick: z.enum(["round_robin", "random"]).default("round_robin").describe("how `load_balance` chooses"),
    back_off: z
      .string()
      .default("30s")
      .refine((text) => durationMs(text) !== undefined, "must be a duration like 30s")
      .describe("the longest that an output which failed is left alone"),
  })
  .refine(
    ({ to, failover, load_balance: balance }) => [to, failover, balance].filter((each) => each).length === 1,
    "exactly one of to, failover and load_balance is expected",
  );

export const pipelineSchema = z.strictObject({
  name: z.string().min(1).default("collect").describe("for messages"),
  state: z
    .string()
    .default(".streamkit-collect")
    .describe("a folder for what must be known after a restart: positions, unfinished files"),
  sources: z.record(z.string().min(1), input).describe("where events come from, by names"),
  channels: z
    .record(z.string().min(1), channel)
    .default({ main: {} })
    .describe("what stands between, by names; one in memory if left out"),
  sinks: z.array(sink).min(1).describe("where they go; each channel has one"),
});

export type PipelineFile = z.input<typeof pipelineSchema>;
export type Pipeline = z.output<typeof pipelineSchema>;
export type SinkConfig = Pipeline["sinks"][number];
