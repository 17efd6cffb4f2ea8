/**
 * What Prometheus is told of the job and of the server, by its conventions: base units, counters that end in
 * `_total`, and labels whose values are few. Batches that a journal tells of from before do not count: a
 * counter counts what happened since the process started.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../base/clock.ts";
import { versionOf } from "../runtime/version.ts";
import type { Hub } from "./hub.ts";
import type { BatchReport } from "./protocol.ts";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  close(): void;
}

export interface MetricsOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Of the API, by their kinds. */
  readonly connections: () => Readonly<Record<string, number>>;
  /** Connections whose clients don't read. */
  readonly lagging: () => number;
  readonly bufferedBytes: () => number;
}

/** From a batch of nothing to one that takes a minute. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** More of them are counted as one. */
const MAX_LABEL_VALUES = 100;
const OTHER = "(other)";

export function openMetrics({ hub, clock, connections, lagging, bufferedBytes }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const startedAtMs = clock.nowMs();
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const gauge = (name: string, help: string, collect: () => number | undefined): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = collect();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  const last = (): BatchReport | undefined => hub.state.reports.at(-1);

  const batches = counter("streamkit_batches_total", "Batches that were committed.");
  const inputRows = counter("streamkit_input_rows_total", "Rows that were read from the sources.");
  const inputBytes = counter("streamkit_input_bytes_total", "Bytes that were read from the sources.");
  const lateRows = counter("streamkit_late_rows_total", "Rows that came behind the watermark.");
  const deadLetters = counter("streamkit_dead_letters_total", "Lines and rows that became dead letters.");
  const outputRows = new Counter({
    name: "streamkit_output_rows_total",
    help: "Rows that a query emitted.",
    labelNames: ["query"],
    registers,
  });
  const processing = new Histogram({
    name: "streamkit_batch_processing_seconds",
    help: "How long batches took from their plan to their commit.",
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const delay = new Histogram({
    name: "streamkit_batch_scheduling_delay_seconds",
    help: "How long after their trigger batches started.",
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const labels = new Set<string>();
  const labelOf = (name: string): string => {
    if (!labels.has(name) && labels.size >= MAX_LABEL_VALUES) return OTHER;
    labels.add(name);
    return name;
  };

  gauge("streamkit_watermark_timestamp_seconds", "The least watermark over the sources.", () =>
    seconds(last()?.watermarkMs),
  );
  gauge("streamkit_max_event_timestamp_seconds", "The highest event time seen.", () =>
    seconds(last()?.maxEventTimeMs),
  );
  gauge("streamkit_last_batch_timestamp_seconds", "When the last batch started.", () =>
    seconds(last()?.startedAtMs),
  );
  gauge("streamkit_running", "1 while the job runs, 0 when its input has ended or it has failed.", () =>
    hub.state.feed.ended ? 0 : 1,
  );
  gauge(
    "streamkit_broken_lines",
    "Lines of the feed that could not be read.",
    () => hub.state.feed.brokenLines,
  );
  const connected = new Gauge({
    name: "streamkit_connections",
    help: "Clients that are connected to the live API.",
    labelNames: ["kind"],
    registers,
    collect() {
      for (const [kind, count] of Object.entries(connections())) connected.set({ kind }, count);
    },
  });
  gauge("streamkit_lagging_connections", "Clients that have not read what they were sent.", lagging);
  gauge("streamkit_buffered_bytes", "What waits for clients to read it.", bufferedBytes);
  gauge("process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage().rss);
  gauge("process_start_time_seconds", "When the server started.", () => startedAtMs / 1000);
  const processor = new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time of the process.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      processor.reset();
      processor.inc((user + system) / 1e6);
    },
  });
  const build = new Gauge({
    name: "streamkit_build_info",
    help: "1, with the version as a label.",
    labelNames: ["version"],
    registers,
  });
  build.set({ version: versionOf() }, 1);

  const close = hub.listen((delta) => {
    if (delta.kind !== "batch" || delta.report.startedAtMs < startedAtMs) return;
    const { report } = delta;
    batches.inc();
    inputRows.inc(report.inputRows);
    inputBytes.inc(report.inputBytes);
    lateRows.inc(report.lateRows);
    deadLetters.inc(report.deadLetters);
    processing.observe(report.processingMs / 1000);
    delay.observe(report.schedulingDelayMs / 1000);
    for (const [query, rows] of Object.entries(report.outputRows))
      outputRows.inc({ query: labelOf(query) }, rows);
  });

  return { contentType: registry.contentType, text: () => registry.metrics(), close };
}

function seconds(timeMs: number | null | undefined): number | undefined {
  return timeMs === null || timeMs === undefined ? undefined : timeMs / 1000;
}
