/** Trades: a buyer pays the ask, a seller gets the bid; ids count from 1 in the order of time. */

import type { EventKind } from "./event-kind.ts";
import { createMarket, LOT, priceText } from "./market.ts";
import { type Random, zipfPicker } from "./random.ts";
import { isoTimeText } from "./times.ts";

const ACCOUNTS = 1000;
const ACCOUNT_EXPONENT = 0.7;
/** Half the distance between bid and ask, as a share of the price; one tick at least. */
const HALF_SPREAD = 0.0002;

export function trades(symbols: readonly string[], format: "ndjson" | "csv", random: Random): EventKind {
  const market = createMarket(symbols.length, random);
  const pickAccount = zipfPicker(ACCOUNTS, ACCOUNT_EXPONENT);
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `ACC${String(index + 1).padStart(5, "0")}`);
  const timeText = isoTimeText("");
  let id = 0;
  let timeMs = 0;
  let isBuy = true;
  let account = "";
  return {
    header: format === "csv" ? "ts,id,symbol,side,price,quantity,account" : undefined,
    draw(atMs) {
      id++;
      timeMs = atMs;
      market.draw(atMs);
      isBuy = random.bits() >= 0;
      account = accounts[pickAccount(random.share())] as string;
    },
    line() {
      const symbol = symbols[market.symbol] as string;
      const side = isBuy ? "buy" : "sell";
      const halfSpread = Math.max(1, Math.round(market.ticks * HALF_SPREAD));
      const price = priceText(Math.max(1, market.ticks + (isBuy ? halfSpread : -halfSpread)));
      const ts = timeText(timeMs);
      const quantity = market.lots * LOT;
      if (format === "csv") return `${ts},${id},${symbol},${side},${price},${quantity},${account}`;
      const deal = `"side":"${side}","price":${price},"quantity":${quantity},"account":"${account}"`;
      return `{"ts":"${ts}","id":${id},"symbol":"${symbol}",${deal}}`;
    },
  };
}
