/** Which tables are candles: decided by their columns alone, the same way by the hub and by the page. */

import type { Column } from "./protocol.ts";

/** Where a candle table has its columns; -1 for an optional one it lacks. */
export interface CandleColumns {
  readonly symbol: number;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  readonly vwap: number;
}

/** The key by which candles replace one another, also where a query names none. */
export const CANDLE_KEY: readonly string[] = ["symbol", "window_start"];

/** Undefined where the table is no candle table: it needs symbol, window_start, open, high, low and close. */
export function candleColumns(columns: readonly Column[]): CandleColumns | undefined {
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  const found: CandleColumns = {
    symbol: at("symbol"),
    windowStart: at("window_start"),
    windowEnd: at("window_end"),
    open: at("open"),
    high: at("high"),
    low: at("low"),
    close: at("close"),
    volume: at("volume"),
    trades: at("trades"),
    vwap: at("vwap"),
  };
  const required = [found.symbol, found.windowStart, found.open, found.high, found.low, found.close];
  if (required.includes(-1)) return undefined;
  const isText = /^(VARCHAR|TEXT|STRING|ENUM)/i.test(columns[found.symbol]?.type ?? "");
  const isTime = /^(TIMESTAMP|DATE)/i.test(columns[found.windowStart]?.type ?? "");
  return isText && isTime ? found : undefined;
}
