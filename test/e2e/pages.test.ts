/** The pages beside the overview, in a real browser over a real job: streaming and SQL. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { startChromium } from "../services/chromium.ts";
import { emptyFolder } from "../support/binary.ts";
import { type Running, start } from "../support/running.ts";
import { until } from "../support/until.ts";

const SETUP_MS = 180_000;
const TEST_MS = 90_000;

const JOB = `
name: shop
batch: 100ms
sources:
  orders:
    from: "file:orders.ndjson"
    schema: { ts: TIMESTAMP, item: VARCHAR, amount: BIGINT }
    watermark: 1s
queries:
  big: SELECT * FROM orders WHERE amount > 10
sinks:
  - from: big
    parquet: { warehouse: ./warehouse, table: big }
`;

const ORDERS = `{"ts":"2026-01-05T14:30:00Z","item":"<b>rope</b>","amount":9007199254740993}
{"ts":"2026-01-05T14:30:01Z","item":"sail","amount":5}
{"ts":"2026-01-05T14:30:02Z","item":"mast","amount":"many"}
{"ts":"2026-01-05T14:30:03Z","item":"oar","amount":11}
`;

let browser: Browser;
let job: Running;
let page: Page;
const complaints: string[] = [];
const folder = emptyFolder();

beforeAll(async () => {
  writeFileSync(join(folder.path, "job.yaml"), JOB);
  writeFileSync(join(folder.path, "orders.ndjson"), ORDERS);
  browser = await startChromium();
  job = await start(["process", "job.yaml", "--serve", "0"], { cwd: folder.path });
  const address = (): string | undefined => /dashboard at (http:\S+)/.exec(job.stderr())?.[1];
  await until("the dashboard listens", () => address() !== undefined);
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(address() ?? "");
}, SETUP_MS);

afterAll(async () => {
  await browser.close();
  await job[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const cells = (table: string): Promise<string[]> =>
  page.getByRole("table", { name: table }).locator("tbody td").allTextContents();

test(
  "the streaming page has the job's parts, its dead letters and its batches",
  async () => {
    await page.getByRole("link", { name: "Streaming" }).click();
    await until("the parts are there", async () => (await cells("Pipeline")).includes("big → parquet"));
    await until("the dead letter is there", async () =>
      (await cells("Dead letters")).some((cell) => cell.includes('"amount" is not a BIGINT: "many"')),
    );
    await until("a batch of three rows is there", async () => {
      const rows = page.getByRole("table", { name: "The last batches" }).locator("tbody tr");
      const read = await rows.evaluateAll((all) => all.map((row) => row.children[4]?.textContent));
      return read.includes("3");
    });
    expect(await page.getByTestId("verdict").textContent()).not.toBe("");
  },
  TEST_MS,
);

test(
  "the SQL page asks what is stored and what is live, says what is wrong, and is in the address",
  async () => {
    await page.getByRole("link", { name: "SQL" }).click();
    const text = page.getByLabel("SQL text");
    await text.fill("SELECT item, amount FROM big ORDER BY amount DESC");
    await text.press("Control+Enter");
    await until("both rows", async () => (await cells("Answer")).length === 4);
    expect(await cells("Answer")).toEqual(["<b>rope</b>", "9,007,199,254,740,993", "oar", "11"]);
    await page.reload();
    expect(await page.getByLabel("SQL text").inputValue()).toContain("ORDER BY amount DESC");
    await page.getByRole("button", { name: "live.big" }).click();
    await until("rows that are live", async () => (await cells("Answer")).length === 6);
    await page.getByLabel("SQL text").fill("SELECT nothing FROM big");
    await page.getByRole("button", { name: "Run" }).click();
    await until("what is wrong", async () =>
      ((await page.getByTestId("sql-error").textContent()) ?? "").includes("nothing"),
    );
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("table", { name: "Latest rows of big" }).waitFor();
    expect(complaints).toEqual([]);
  },
  TEST_MS,
);
