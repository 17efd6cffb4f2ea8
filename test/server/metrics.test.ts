/** What Prometheus is told, and that the dashboard for Grafana asks for what there is. */

import { expect, test } from "bun:test";
import dashboard from "../../src/server/grafana-dashboard.json" with { type: "json" };
import { openHub } from "../../src/server/hub.ts";
import { openMetrics } from "../../src/server/metrics.ts";
import { batchOf } from "./batch-of.ts";

const STARTED_AT_MS = 1_000_000;
const clock = { nowMs: () => STARTED_AT_MS, monotonicMs: () => 0, sleep: async () => {} };

function opened() {
  const hub = openHub();
  const metrics = openMetrics({
    hub,
    clock,
    connections: () => ({ socket: 3 }),
    lagging: () => 1,
    bufferedBytes: () => 2,
  });
  const publish = (query: string, startedAtMs: number): void =>
    hub.publish(
      batchOf(hub.sequence + 1, { query, key: [], columns: ["n"], rows: [{ n: 1 }, { n: 2 }], startedAtMs }),
    );
  return { hub, metrics, publish };
}

async function values(metrics: ReturnType<typeof openMetrics>): Promise<ReadonlyMap<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

test("counters count batches of this process, and not those that a journal tells of", async () => {
  const { hub, metrics, publish } = opened();
  publish("q", STARTED_AT_MS - 1);
  publish("q", STARTED_AT_MS);
  publish("q", STARTED_AT_MS + 5);
  const found = await values(metrics);
  expect(found.get("streamkit_batches_total")).toBe(2);
  expect(found.get("streamkit_input_rows_total")).toBe(4);
  expect(found.get('streamkit_output_rows_total{query="q"}')).toBe(4);
  expect(found.get("streamkit_batch_processing_seconds_count")).toBe(2);
  expect(found.get("streamkit_batch_processing_seconds_sum")).toBeCloseTo(0.004);
  expect(found.get("streamkit_last_batch_timestamp_seconds")).toBe((STARTED_AT_MS + 5) / 1000);
  expect(found.has("streamkit_watermark_timestamp_seconds")).toBe(false);
  expect(found.get('streamkit_connections{kind="socket"}')).toBe(3);
  expect(found.get("streamkit_running")).toBe(1);
  hub.setFeed({ ended: true });
  expect((await values(metrics)).get("streamkit_running")).toBe(0);
});

test("however many queries there are, their labels are few; names can't break a line", async () => {
  const { metrics, publish } = opened();
  publish('a"b\\c\nd', STARTED_AT_MS);
  for (let index = 0; index < 150; index += 1) publish(`q${index}`, STARTED_AT_MS);
  const found = await values(metrics);
  const labels = [...found.keys()].filter((name) => name.startsWith("streamkit_output_rows_total"));
  expect(labels).toHaveLength(101);
  expect(labels).toContain(String.raw`streamkit_output_rows_total{query="a\"b\\c\nd"}`);
  expect(found.get('streamkit_output_rows_total{query="(other)"}')).toBe(2 * 51);
});

test("names follow Prometheus' conventions; Grafana's panels ask for metrics that are there", async () => {
  const { metrics, publish } = opened();
  publish("q", STARTED_AT_MS);
  const text = await metrics.text();
  const kinds = new Map(
    Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = "", kind]) => [name, kind]),
  );
  for (const [name, kind] of kinds) {
    expect(name).toMatch(/^(?:streamkit|process)_[a-z_]+$/);
    expect(name.endsWith("_total")).toBe(kind === "counter");
  }
  const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const named = asked.flatMap((expr) => expr.match(/(?:streamkit|process)_[a-z_]+/g) ?? []);
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect([...kinds.keys()]).toContain(name.replace(/_(?:bucket|sum|count)$/, ""));
});
