/** The job that runs when none is named: quotes or trades on stdin become candles by minute and by day. */

/**
 * What a candle is, of a stream with ts, symbol, price and volume. The dashboard knows it by these names. Of
 * equal times the first row of the input opens, and the last one closes.
 */
export const CANDLE_COLUMNS = `symbol, window_start, window_end,
             first(price ORDER BY ts) AS open, max(price) AS high, min(price) AS low,
             last(price ORDER BY ts) AS close,
             sum(volume) AS volume, count(*) AS trades,
             round(sum(price * volume) / nullif(sum(volume), 0), 4) AS vwap,
             round(100 * (last(price ORDER BY ts) / first(price ORDER BY ts) - 1), 3) AS change`;

export const MARKET_JOB = `
name: market
sources:
  ticks:
    from: "-"
    format: json
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: DOUBLE, quantity: DOUBLE }
    select: "ts, symbol, price, coalesce(volume, quantity, 0) AS volume"
    watermark: 5s
queries:
  clean: SELECT * FROM ticks WHERE price > 0 AND symbol IS NOT NULL
  minute:
    mode: update
    sql: |
      SELECT ${CANDLE_COLUMNS}
      FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  day:
    mode: update
    sql: |
      SELECT ${CANDLE_COLUMNS}
      FROM tumble(clean, ts, INTERVAL 1 DAY) GROUP BY ALL
`;
