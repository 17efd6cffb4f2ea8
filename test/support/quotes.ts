/** Quotes, and candles of them computed by plain code: the judge of what the binary says. */

export interface Quote {
  readonly ts: string;
  readonly symbol: string;
  readonly price: number;
  readonly volume: number;
}

export interface Candle {
  readonly symbol: string;
  readonly window_start: string;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
  readonly vwap: number;
  readonly change: number;
}

/** Quotes in the order of their lines: of equal times the first opens and the last closes. */
export function candlesOf(quotes: readonly Quote[], windowMs: number): Map<string, Candle> {
  const groups = new Map<string, Quote[]>();
  for (const quote of quotes) {
    const startMs = Math.floor(Date.parse(quote.ts) / windowMs) * windowMs;
    const key = `${quote.symbol} ${new Date(startMs).toISOString()}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [quote]);
    else group.push(quote);
  }
  return new Map(
    [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, group]) => [key, candle(group, key)]),
  );
}

function candle(group: readonly Quote[], key: string): Candle {
  const [symbol = "", window_start = ""] = key.split(" ");
  const first = group.reduce((best, quote) => (quote.ts < best.ts ? quote : best));
  const last = group.reduce((best, quote) => (quote.ts < best.ts ? best : quote));
  const prices = group.map(({ price }) => price);
  const volume = group.reduce((sum, quote) => sum + quote.volume, 0);
  const value = group.reduce((sum, quote) => sum + quote.price * quote.volume, 0);
  return {
    symbol,
    window_start,
    open: first.price,
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: last.price,
    volume,
    trades: group.length,
    vwap: rounded(value / volume, 4),
    change: rounded(100 * (last.price / first.price - 1), 3),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
