import { expect, test } from "bun:test";
import fc from "fast-check";
import type { BatchProgress, Json, RowChange } from "../../src/engine/batch-progress.ts";
import type { OutputMode } from "../../src/job/schema.ts";
import { type Hub, type HubBounds, openHub } from "../../src/server/hub.ts";
import type { ServerMessage } from "../../src/server/protocol.ts";
import { createReplica } from "../../src/server/replica.ts";
import { STATE_BOUNDS } from "../../src/server/state.ts";
import { batchReport } from "../support/batch-report.ts";
import { marketFeed } from "./market-feed.ts";

/** So small that rings overflow and rows are forgotten within a few steps. */
const TIGHT: Partial<HubBounds> = {
  maxReports: 4,
  maxTables: 3,
  maxKeyedRows: 5,
  maxAppendRows: 4,
  maxRingDeltas: 3,
  maxRingChars: 4_000,
};

test("however batches, disconnects and reconnects follow, a connected page has the hub's state", () => {
  fc.assert(
    fc.property(fc.array(step(), { maxLength: 60 }), (steps) => {
      const hub = openHub({ bounds: TIGHT });
      const clients = Array.from({ length: 3 }, () => replicaClient(hub));
      for (const [index, each] of steps.entries()) {
        if (each.kind === "batch") hub.publish(outcome(index, each.outputs));
        else if (each.kind === "feed") hub.setFeed({ brokenLines: each.brokenLines });
        else clients[each.client]?.[each.kind]();
        for (const client of clients)
          if (client.isConnected()) expect(client.picture()).toEqual(pictureOf(hub.state));
      }
      for (const client of clients) {
        client.connect();
        expect(client.picture()).toEqual(pictureOf(hub.state));
        expect(client.gaps()).toBe(0);
      }
    }),
    { numRuns: 400 },
  );
});

test("a page that comes back gets just what it missed while the ring has it, and all of it when not", () => {
  const hub = openHub({ bounds: { maxRingDeltas: 3 } });
  const feed = marketFeed({ symbols: 3 });
  const client = replicaClient(hub);
  hub.publish(feed.next());
  client.connect();
  client.disconnect();
  for (let missed = 0; missed < 3; missed += 1) hub.publish(feed.next());
  client.connect();
  client.disconnect();
  for (let missed = 0; missed < 4; missed += 1) hub.publish(feed.next());
  client.connect();
  expect(client.heard()).toEqual(["snapshot", "resumed", "delta", "delta", "delta", "snapshot"]);
  expect(client.picture()).toEqual(pictureOf(hub.state));
});

test("a page that knew another hub, or a future this one never had, starts anew", () => {
  const hub = openHub();
  hub.publish(marketFeed({ symbols: 2 }).next());
  for (const resume of [
    { instance: "another", sequence: 1 },
    { instance: hub.instance, sequence: 2 },
  ]) {
    const heard: string[] = [];
    hub.subscribe({ send: (text) => heard.push(text), bufferedBytes: () => 0, cut: () => {} }, resume);
    expect(heard.map((text) => (JSON.parse(text) as ServerMessage).type)).toEqual(["snapshot"]);
  }
});

test("a page that does not read is cut before it holds more than the bound, and may come back", () => {
  const hub = openHub({ bounds: { maxBufferedBytes: 50_000 } });
  const feed = marketFeed({ symbols: 20 });
  let waitingBytes = 0;
  let cuts = 0;
  const stuck = {
    send: (text: string) => void (waitingBytes += text.length),
    bufferedBytes: () => waitingBytes,
    cut: () => void (cuts += 1),
  };
  hub.subscribe(stuck);
  for (let batch = 0; batch < 200; batch += 1) hub.publish(feed.next());
  expect(cuts).toBe(1);
  expect(hub.subscribers).toBe(0);
  expect(waitingBytes).toBeLessThan(70_000);
});

test("no more pages than the bound are taken, and a page that left makes room", () => {
  const hub = openHub({ bounds: { maxSubscribers: 1 } });
  const peer = () => ({ send: () => {}, bufferedBytes: () => 0, cut: () => {} });
  const leave = hub.subscribe(peer());
  expect(hub.subscribe(peer())).toBeUndefined();
  leave?.();
  leave?.();
  expect(hub.subscribe(peer())).toBeDefined();
});

test("candles without a key replace one another by symbol and window, also in append mode", () => {
  const hub = openHub();
  const candle = (close: number) => ({
    symbol: "A",
    window_start: "2026-01-05T14:30:00.000Z",
    open: 1,
    high: 3,
    low: 1,
    close,
  });
  const columns = Object.entries(candle(1)).map(([name, value]) => ({
    name,
    type: name === "window_start" ? "TIMESTAMP" : typeof value === "string" ? "VARCHAR" : "DOUBLE",
  }));
  for (const close of [2, 3]) {
    const changes = [{ op: "upsert", row: candle(close) }] as const;
    const output = { query: "ohlc", mode: "append", key: [], columns, changes, omittedRows: 0 } as const;
    hub.publish({ ...outcome(close, []), outputs: [output] });
  }
  expect([...(hub.state.tables.get("ohlc")?.rows.values() ?? [])].map((row) => row[5])).toEqual([3]);
});

/** The page's half of the protocol on an in-process line. */
function replicaClient(hub: Hub) {
  const replica = createReplica("engine", { ...STATE_BOUNDS, ...TIGHT });
  const heard: string[] = [];
  let leave: (() => void) | undefined;
  let gaps = 0;
  const disconnect = () => {
    leave?.();
    leave = undefined;
  };
  return {
    connect() {
      if (leave !== undefined) return;
      const send = (text: string) => {
        const message = JSON.parse(text) as ServerMessage;
        heard.push(message.type);
        if (replica.hear(message) === "gap") gaps += 1;
      };
      leave = hub.subscribe({ send, bufferedBytes: () => 0, cut: disconnect }, replica.resume);
    },
    disconnect,
    isConnected: () => leave !== undefined,
    picture: () => pictureOf(replica.state),
    heard: () => heard,
    gaps: () => gaps,
  };
}

/** The state with the order of its rows, which decides what is forgotten next. */
function pictureOf(state: Hub["state"]) {
  return {
    ...state,
    tables: Array.from(state.tables, ([query, table]) => [query, { ...table, rows: [...table.rows] }]),
  };
}

interface Output {
  readonly query: string;
  readonly mode: OutputMode;
  readonly isKeyed: boolean;
  readonly isWide: boolean;
  readonly rows: readonly { readonly op: RowChange["op"]; readonly id: number; readonly value: number }[];
}

function step() {
  const client = fc.nat({ max: 2 });
  const row = fc.record({
    op: fc.constantFrom("upsert" as const, "upsert" as const, "delete" as const),
    id: fc.nat({ max: 7 }),
    value: fc.nat({ max: 3 }),
  });
  const output: fc.Arbitrary<Output> = fc.record({
    query: fc.constantFrom("a", "b", "c", "d"),
    mode: fc.constantFrom<OutputMode>("append", "update", "complete"),
    isKeyed: fc.boolean(),
    isWide: fc.boolean(),
    rows: fc.array(row, { maxLength: 8 }),
  });
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("batch" as const),
        outputs: fc.array(output, { maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("feed" as const), brokenLines: fc.nat({ max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("connect" as const), client }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("disconnect" as const), client }) },
  );
}

function outcome(batch: number, outputs: readonly Output[]): BatchProgress {
  return {
    job: "test",
    report: batchReport({ batch, startedAtMs: batch }),
    outputs: outputs.map(({ query, mode, isKeyed, isWide, rows }) => {
      const names = isWide ? ["value", "id", "more"] : ["id", "value"];
      return {
        query,
        mode,
        key: isKeyed ? ["id"] : [],
        columns: names.map((name) => ({ name, type: "BIGINT" })),
        changes: rows.map(({ op, ...row }) => ({ op, row: row as Readonly<Record<string, Json>> })),
        omittedRows: 0,
      };
    }),
  };
}
