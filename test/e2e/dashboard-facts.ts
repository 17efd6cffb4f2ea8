/** What the hub knows, as the page should show it, and what the page does show. */

import type { Page } from "playwright-core";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import type { Hub } from "../../src/server/hub.ts";
import { plainText } from "../../src/server/protocol.ts";
import type { DrawnCandle } from "../../web/candle-chart.ts";
import type { ChartHost } from "../../web/chart-card.tsx";

/** The time of the hub's last batch, so that its made-up times are now; or so long after it. */
export function clockOf(hub: Hub, silentMs = 0): Clock {
  const lastMs = (): number => hub.state.reports.at(-1)?.startedAtMs ?? 0;
  return { ...systemClock, nowMs: () => lastMs() + silentMs };
}

export function candlesOf(hub: Hub, symbol: string, query: string): DrawnCandle[] {
  const rows = [...(hub.state.tables.get(query)?.rows.values() ?? [])].filter((row) => row[0] === symbol);
  const candles = rows.map(([, start, , open, high, low, close, volume]) => ({
    timeMs: Date.parse(plainText(start)),
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
    volume: Number(volume),
  }));
  return candles.toSorted((a, b) => a.timeMs - b.timeMs);
}

export function rolledUpFrom(candles: readonly DrawnCandle[], windowMs: number): DrawnCandle[] {
  const windows = Map.groupBy(candles, ({ timeMs }) => Math.floor(timeMs / windowMs) * windowMs);
  return Array.from(windows, ([timeMs, all]) => ({
    timeMs,
    open: all[0]?.open ?? 0,
    high: Math.max(...all.map(({ high }) => high)),
    low: Math.min(...all.map(({ low }) => low)),
    close: all.at(-1)?.close ?? 0,
    volume: all.reduce((sum, { volume = 0 }) => sum + volume, 0),
  }));
}

export function drawn(page: Page): Promise<DrawnCandle[]> {
  return page.evaluate(() => document.querySelector<ChartHost>("[data-testid=chart]")?.candles?.() ?? []);
}

export function connection(page: Page): Promise<string | null> {
  return page.getByTestId("connection").textContent();
}

export function quoteOf(page: Page, symbol: string): Promise<string[]> {
  return page.locator(`[data-symbol="${symbol}"] td`).allTextContents();
}

/** Last, change, high, low and volume as the page should write them. */
export function dayQuote(hub: Hub, symbol: string): string[] {
  const row = [...(hub.state.tables.get("day")?.rows.values() ?? [])].find((each) => each[0] === symbol);
  const [open = 0, high = 0, low = 0, close = 0, volume = 0] = (row ?? []).slice(3, 8).map(Number);
  const change = ((close / open - 1) * 100).toFixed(2);
  const volumeText = volume < 10_000 ? volume.toLocaleString("en-US") : `${(volume / 1000).toPrecision(3)}K`;
  return [
    close.toFixed(2),
    `${Number(change) > 0 ? "+" : ""}${change.replace("-", "−")}%`,
    high.toFixed(2),
    low.toFixed(2),
    volumeText,
  ];
}
