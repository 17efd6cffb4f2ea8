/** The job that runs when none is named: quotes or trades on stdin become candles by minute and by day. */

/** What a candle is, of a stream with ts, symbol, price and volume. The dashboard knows it by these names. */
export const CANDLE_COLUMNS = `symbol, window_start, window_end,
             arg_min(price, ts) AS open, max(price) AS high, min(price) AS low, arg_max(price, ts) AS close,
             sum(volume) AS volume, count(*) AS trades,
             round(sum(price * volume) / nullif(sum(volume), 0), 4) AS vwap,
             round(100 * (arg_max(price, ts) / arg_min(price, ts) - 1), 3) AS change`;

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
