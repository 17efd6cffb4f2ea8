/** The dashboard's picture is bounded in bytes, and so is what waits for pages that do not read. */

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BatchProgress, Json, QueryOutput } from "../../src/engine/batch-progress.ts";
import { webAsset } from "../../src/runtime/assets.ts";
import { openHub } from "../../src/server/hub.ts";
import { JOURNAL_FILE, openOptionalJournal } from "../../src/server/journal.ts";
import { STATE_BOUNDS } from "../../src/server/state.ts";
import { batchReport } from "../support/batch-report.ts";

type Row = Readonly<Record<string, Json>>;

function outcome(rows: readonly Row[], more: Partial<QueryOutput> = {}): BatchProgress {
  const columns = Object.keys(rows[0] ?? {}).map((name) => ({ name, type: "VARCHAR" }));
  const changes = rows.map((row) => ({ op: "upsert" as const, row }));
  return {
    job: "j",
    report: batchReport({ inputRows: rows.length }),
    outputs: [{ query: "q", mode: "append", key: [], columns, changes, omittedRows: 0, ...more }],
  };
}

const keyed = { mode: "update", key: ["k"] } as const;

test("long values are cut with a mark, and keys that begin alike stay apart", () => {
  const hub = openHub();
  const long = "x".repeat(900_000);
  hub.publish(
    outcome(
      [
        { k: `${long}a`, v: { deep: [long] } },
        { k: `${long}b`, v: 1 },
      ],
      keyed,
    ),
  );
  const rows = [...(hub.state.tables.get("q")?.rows.values() ?? [])];
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows[0]?.[0])).toMatch(/^"x{4096}… \(900001 characters, [0-9a-f]{8}\)"$/);
  expect(JSON.stringify(rows[0]?.[1])).toContain("deep");
  expect(rows[1]?.[1]).toBe(1);
  expect(hub.snapshotText().length).toBeLessThan(20_000);
});

test("columns beyond a number are one, and those of the key are among the first", () => {
  const hub = openHub();
  const row = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`c${index}`, index]));
  hub.publish(outcome([row], { mode: "update", key: ["c4999"] }));
  const columns = hub.state.tables.get("q")?.columns.map(({ name }) => name) ?? [];
  expect(columns).toHaveLength(STATE_BOUNDS.maxColumns + 1);
  expect(columns).toContain("c4999");
  expect(columns).toContain("c198");
  expect(columns.at(-1)).toBe("…");
});

test("however many rows and queries there are, all of it has a bound", () => {
  const hub = openHub();
  for (let batch = 0; batch < 40; batch += 1) {
    const rows = Array.from({ length: 200 }, (_, index) => ({ k: `${batch}-${index}`, v: "y".repeat(2000) }));
    hub.publish(outcome(rows, { ...keyed, query: `q${batch % 7}` }));
  }
  expect(hub.snapshotText().length).toBeLessThan(STATE_BOUNDS.maxChars * 1.2);
  expect([...(hub.state.tables.get("q4")?.rows.keys() ?? [])].at(-1)).toContain("39-199");
  hub.publish(outcome([{ k: "last", v: "z" }], { ...keyed, query: "q4" }));
  expect([...(hub.state.tables.get("q4")?.rows.values() ?? [])].at(-1)).toEqual(["last", "z"]);
});

test("pages that never read are cut when they wait for too much together; one that reads stays", () => {
  const hub = openHub({ bounds: { maxBufferedBytesInAll: 100_000 } });
  const open = (reads: boolean) => {
    const page = { waiting: 0, isCut: false };
    hub.subscribe({
      send(text) {
        if (!reads) page.waiting += text.length;
      },
      bufferedBytes: () => page.waiting,
      cut() {
        page.isCut = true;
        page.waiting = 0;
      },
    });
    return page;
  };
  const reader = open(true);
  const others = Array.from({ length: 50 }, () => open(false));
  for (let batch = 0; batch < 20; batch += 1) {
    hub.publish(outcome([{ v: "x".repeat(1000) }]));
    expect(others.reduce((sum, { waiting }) => sum + waiting, 0)).toBeLessThanOrEqual(100_000);
  }
  expect(reader.isCut).toBe(false);
  expect(others.some(({ isCut }) => isCut)).toBe(true);
});

test("names that every object has are no files of the page", async () => {
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"])
    expect(await webAsset(name)).toBeUndefined();
});

test("a journal that can't be written is told once, ends nothing, and goes on when it can", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-journal-"));
  try {
    const told: string[] = [];
    mkdirSync(path.join(folder, JOURNAL_FILE));
    const journal = openOptionalJournal(folder, (text) => told.push(text));
    journal.append(outcome([{ v: 1 }]));
    journal.append(outcome([{ v: 2 }]));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("Cannot write the journal");
    rmSync(path.join(folder, JOURNAL_FILE), { recursive: true });
    journal.append(outcome([{ v: 3 }]));
    journal.close();
    const lines = readFileSync(path.join(folder, JOURNAL_FILE), "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"v":3');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
