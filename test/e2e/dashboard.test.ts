/**
 * The page in a real browser: it shows what the hub knows, it moves, and a lost connection leaves no hole.
 */

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import type { HistorySource } from "../../src/server/history.ts";
import { type Hub, openHub } from "../../src/server/hub.ts";
import { type DashboardServer, startServer } from "../../src/server/server.ts";
import { type MarketFeed, marketFeed } from "../server/market-feed.ts";
import { startChromium } from "../services/chromium.ts";
import { until } from "../support/until.ts";
import { candlesOf, clockOf, connection, dayQuote, drawn, quoteOf, rolledUpFrom } from "./dashboard-facts.ts";

const SETUP_MS = 180_000;
const TEST_MS = 60_000;

let browser: Browser;
const servers: DashboardServer[] = [];
const pages: Page[] = [];

beforeAll(async () => {
  browser = await startChromium();
}, SETUP_MS);

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  for (const server of servers.splice(0)) await server.close();
});

afterAll(() => browser.close());

test(
  "the page shows the watch list and the chart, and both move when batches arrive",
  async () => {
    const { hub, url, feed } = await started(120);
    const { page, foreign, complaints } = await opened(url);
    await shows(page, hub);
    expect(await page.locator("[data-symbol]").count()).toBe(8);
    expect(await quoteOf(page, "SYM0003")).toEqual(dayQuote(hub, "SYM0003"));
    const before = await page.getByTestId("chart").screenshot();
    const candlesBefore = await drawn(page);

    for (let batch = 0; batch < 40; batch += 1) hub.publish(feed.next());

    await shows(page, hub);
    expect(await quoteOf(page, "SYM0003")).toEqual(dayQuote(hub, "SYM0003"));
    expect((await drawn(page)).length).toBeGreaterThan(candlesBefore.length);
    expect(before.equals(await page.getByTestId("chart").screenshot())).toBe(false);
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  },
  TEST_MS,
);

test(
  "cut connections heal without a hole, again and again",
  async () => {
    const { hub, url, feed } = await started(50);
    const { page } = await opened(url);
    await shows(page, hub);
    for (let round = 0; round < 5; round += 1) {
      hub.cutAll();
      for (let batch = 0; batch < 30; batch += 1) hub.publish(feed.next());
      await shows(page, hub);
    }
  },
  TEST_MS,
);

test(
  "a server that was away and comes back on its port with its feed heals without a hole",
  async () => {
    const { hub, url, feed, server } = await started(50);
    const { page } = await opened(url);
    await shows(page, hub);
    const port = Number(new URL(url).port);
    servers.splice(servers.indexOf(server), 1);
    await server.close();
    await until("the page says so", async () => (await connection(page)) === "Reconnecting…");

    // The same hub on a new server: the page is missing some deltas only.
    for (let batch = 0; batch < 30; batch += 1) hub.publish(feed.next());
    const second = await startServer({ hub, port, clock: clockOf(hub) });
    await shows(page, hub);
    await second.close();
    await until("the page says so", async () => (await connection(page)) === "Reconnecting…");

    // Another process: a new hub, which was told everything anew and has moved on.
    const anew = openHub();
    const replayed = marketFeed({ symbols: 8, stepMs: 20_000 });
    for (let batch = 0; batch < 140; batch += 1) anew.publish(replayed.next());
    servers.push(await startServer({ hub: anew, port, clock: clockOf(anew) }));
    await shows(page, anew);
    anew.publish(replayed.next());
    await shows(page, anew);
  },
  TEST_MS,
);

test(
  "candles that the hub has forgotten come from the history, and stay while live ones follow",
  async () => {
    const all = openHub();
    const history: HistorySource = async ({ query, filter }) =>
      Array.from(all.state.tables.get(query)?.rows.values() ?? [], (values) =>
        Object.fromEntries(
          (all.state.tables.get(query)?.columns ?? []).map(({ name }, at) => [name, values[at] ?? null]),
        ),
      ).filter((row) => row["symbol"] === filter["symbol"]);
    const hub = openHub({ bounds: { maxKeyedRows: 80 } });
    const feed = marketFeed({ symbols: 8, stepMs: 20_000 });
    const publish = (batches: number) => {
      for (let batch = 0; batch < batches; batch += 1) {
        const outcome = feed.next();
        all.publish(outcome);
        hub.publish(outcome);
      }
    };
    publish(300);
    const server = await startServer({ hub, port: 0, history, clock: clockOf(hub) });
    servers.push(server);
    const { page } = await opened(server.url);
    await shows(page, all);
    expect((await drawn(page)).length).toBeGreaterThan(80);
    publish(60);
    await shows(page, all);
  },
  TEST_MS,
);

test(
  "a choice by mouse and by keys, a filter, an order, an interval, an address",
  async () => {
    const { hub, url } = await started(60);
    const { page } = await opened(url);
    await shows(page, hub);
    await page.locator('[data-symbol="SYM0002"]').click();
    await shows(page, hub, "SYM0002");
    await page.keyboard.press("ArrowDown");
    await shows(page, hub, "SYM0003");
    await page.keyboard.press("End");
    await shows(page, hub, "SYM0007");
    await page.keyboard.press("/");
    await page.keyboard.type("0005");
    await until("one row is left", async () => (await page.locator("[data-symbol]").count()) === 1);
    await page.keyboard.press("Enter");
    await shows(page, hub, "SYM0005");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Last" }).click();
    const prices = await page.locator("tbody td.col-last").allTextContents();
    expect(prices.map(Number)).toEqual(prices.map(Number).toSorted((a, b) => b - a));
    expect(await page.locator("th.col-last[aria-sort]").getAttribute("aria-sort")).toBe("descending");
    await page.getByText("1d", { exact: true }).click();
    await shows(page, hub, "SYM0005", "day");
    await page.reload();
    await shows(page, hub, "SYM0005", "day");
  },
  TEST_MS,
);

test(
  "longer candles are made of shorter ones, and lines and symbols are drawn beside them",
  async () => {
    const { hub, feed, url } = await started(120);
    const { page, complaints } = await opened(url);
    await shows(page, hub);
    await page.getByText("5m", { exact: true }).click();
    const fives = () => rolledUpFrom(candlesOf(hub, "SYM0000", "minute"), 300_000);
    const showsFives = () =>
      until(
        "candles of five minutes",
        async () => JSON.stringify(await drawn(page)) === JSON.stringify(fives()),
      );
    await showsFives();
    await page.getByText("Indicators").click();
    await page.getByLabel("RSI 14").check();
    await page.keyboard.press("Escape");
    await page.getByLabel("Compare with a symbol").fill("sym0003");
    await page.getByRole("button", { name: "Compare with SYM0003 no more" }).waitFor();
    expect(await page.getByRole("radio", { name: "%" }).isChecked()).toBe(true);
    for (let batch = 0; batch < 30; batch += 1) hub.publish(feed.next());
    await showsFives();
    await page.reload();
    await showsFives();
    await page.getByText("Indicators 2").waitFor();
    expect(complaints).toEqual([]);
  },
  TEST_MS,
);

test(
  "of ten thousand symbols only those in sight are in the page, and keys walk through all of them",
  async () => {
    const hub = openHub();
    const feed = marketFeed({ symbols: 10_000, stepMs: 60_000, activity: 1 });
    hub.publish(feed.next());
    const server = await startServer({ hub, port: 0, clock: clockOf(hub) });
    servers.push(server);
    const { page, complaints } = await opened(server.url);
    const rows = page.locator("tr[data-symbol]");
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThan(100);
    await rows.first().click();
    await page.keyboard.press("End");
    await page.locator('tr.chosen[data-symbol="SYM9999"]').waitFor();
    await page.keyboard.press("ArrowUp");
    await page.locator('tr.chosen[data-symbol="SYM9998"]').waitFor();
    expect(await rows.count()).toBeLessThan(100);
    expect(complaints).toEqual([]);
  },
  TEST_MS,
);

test(
  "rows of other queries stand in a table; an ended stream and its broken lines are said",
  async () => {
    const hub = openHub({ feed: "lines" });
    const server = await startServer({ hub, port: 0 });
    servers.push(server);
    const { page, complaints } = await opened(server.url);
    await page.getByText("Waiting for the first rows").waitFor();
    const { report } = marketFeed({ symbols: 1 }).next();
    const columns = [
      { name: "path", type: "VARCHAR" },
      { name: "requests", type: "BIGINT" },
    ];
    const rowOf = (path: string, requests: number) => ({ op: "upsert", row: { path, requests } }) as const;
    const changes = [rowOf("/", 12), rowOf("/<b>", 1234)];
    hub.publish({
      job: "",
      report,
      outputs: [{ query: "top", mode: "append", key: [], columns, changes, omittedRows: 0 }],
    });
    hub.setFeed({ ended: true, brokenLines: 3 });
    await until("the page says that it ended", async () => (await connection(page)) === "Stream ended");
    expect(await page.locator("table.rows td").allTextContents()).toEqual(["/<b>", "1,234", "/", "12"]);
    expect(await page.locator(".tile.bad").textContent()).toBe("Broken lines3");
    expect(complaints).toEqual([]);
  },
  TEST_MS,
);

test(
  "a stream that falls silent says for how long, and its lag grows",
  async () => {
    const { url } = await started(60, 40_000);
    const { page } = await opened(url);
    await until("it says so", async () => /^No data for 4\d s$/.test((await connection(page)) ?? ""));
    const lag = async (): Promise<number> =>
      Number.parseFloat((await page.getByTestId("watermark-lag").textContent()) ?? "");
    const before = await lag();
    expect(before).toBeGreaterThanOrEqual(40);
    await until("the lag grows", async () => (await lag()) > before);
    await until("nothing comes", async () => (await page.getByTestId("input-rate").textContent()) === "0/s");
  },
  TEST_MS,
);

test(
  "a job that failed says why, also when its server ends right after it",
  async () => {
    const { hub, server, url } = await started(60);
    const { page } = await opened(url);
    await shows(page, hub);
    expect(await page.getByTestId("notice").count()).toBe(0);
    servers.splice(servers.indexOf(server), 1);
    hub.setFeed({ ended: true, reason: "failed: The disk is full" });
    await server.close();
    await until("it says so", async () => (await connection(page)) === "Failed");
    await until("the server is gone", async () =>
      ((await page.getByTestId("notice").textContent()) ?? "").includes("Its server has ended too"),
    );
    expect(await page.getByTestId("notice").textContent()).toStartWith("Stopped: The disk is full");
  },
  TEST_MS,
);

test(
  "a chart that was scrolled back keeps the newest price on its axis, and a button leads there",
  async () => {
    const { hub, url } = await started(600);
    const { page } = await opened(url);
    await shows(page, hub);
    const button = page.getByRole("button", { name: "Go to latest" });
    expect(await button.count()).toBe(0);
    const box = await page.getByTestId("chart").boundingBox();
    if (box === null) throw new Error("no chart");
    await page.mouse.move(box.x + 100, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 100, box.y + 100, { steps: 5 });
    await page.mouse.up();
    await button.waitFor();
    await button.click();
    await until("the newest is in sight", async () => (await button.count()) === 0);
  },
  TEST_MS,
);

test(
  "without a query of days, columns say of which windows their figures are; with one they need not",
  async () => {
    const { url, hub } = await started(60);
    const { page } = await opened(url);
    await shows(page, hub);
    const titles = () => page.locator("table.watch thead button").allTextContents();
    expect(await titles()).toEqual(["Symbol↑", "Last", "Chg", "High", "Low", "Volume"]);
    const minutes = openHub();
    const feed = marketFeed({ symbols: 8, stepMs: 20_000 });
    for (let batch = 0; batch < 20; batch += 1) {
      const outcome = feed.next();
      minutes.publish({ ...outcome, outputs: outcome.outputs.filter(({ query }) => query === "minute") });
    }
    const server = await startServer({ hub: minutes, port: 0, clock: clockOf(minutes) });
    servers.push(server);
    const second = await opened(server.url);
    await shows(second.page, minutes);
    expect(await second.page.locator("table.watch thead button").allTextContents()).toEqual([
      "Symbol↑",
      "Last",
      "Chg 1m",
      "High 1m",
      "Low 1m",
      "Vol 1m",
    ]);
    expect(await second.page.getByRole("button", { name: "High 1m" }).getAttribute("title")).toBe(
      "Highest price of the latest window of 1m; sorts by high",
    );
  },
  TEST_MS,
);

test(
  "nothing is wider than a telephone, in no state",
  async () => {
    const { hub, url } = await started(60);
    const { page } = await opened(url);
    await page.setViewportSize({ width: 390, height: 844 });
    await shows(page, hub);
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(await overflow()).toBe(0);
    hub.setFeed({ ended: true, reason: `failed: ${"a_very_long_word_".repeat(20)}` });
    await page.getByTestId("notice").waitFor();
    expect(await overflow()).toBe(0);
  },
  TEST_MS,
);

async function started(
  batches: number,
  silentMs = 0,
): Promise<{ hub: Hub; feed: MarketFeed; url: string; server: DashboardServer }> {
  const hub = openHub();
  const feed = marketFeed({ symbols: 8, stepMs: 20_000 });
  for (let batch = 0; batch < batches; batch += 1) hub.publish(feed.next());
  const server = await startServer({ hub, port: 0, clock: clockOf(hub, silentMs) });
  servers.push(server);
  return { hub, feed, url: server.url, server };
}

/** `foreign` collects requests to anywhere else, `complaints` the browser's errors. */
async function opened(url: string): Promise<{ page: Page; foreign: string[]; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  pages.push(page);
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) foreign.push(request.url());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.goto(url);
  return { page, foreign, complaints };
}

/** Waits until the page is live and the chart has drawn exactly the hub's candles. */
async function shows(page: Page, hub: Hub, symbol = "SYM0000", query = "minute"): Promise<void> {
  const expected = JSON.stringify(candlesOf(hub, symbol, query));
  let found = "";
  try {
    await until("the chart has the hub's candles", async () => {
      found = JSON.stringify(await drawn(page));
      return found === expected && (await connection(page)) === "Live";
    });
  } catch {
    expect(found).toBe(expected);
    expect(await connection(page)).toBe("Live");
  }
}
