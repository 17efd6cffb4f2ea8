/**
 * The window functions as DuckDB table macros, so that one SQL text runs in the stream and over the whole
 * input. Intervals of months follow the calendar. With `origin` the windows are counted from there; without,
 * as DuckDB's `time_bucket` counts them: months from 2000-01-01, days and times from 2000-01-03, a Monday.
 */

import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";

const column = raw("tcol");
/**
 * Columns that stand beside a stream's own inside of the macros. A macro does not see what names those have:
 * these are none that anybody gives.
 */
export const MACRO_COLUMNS = ["_first start", "_nth window", "_opens session", "_session number"] as const;
const [first, nth, opens, number] = MACRO_COLUMNS.map((name) => id(name)) as [Sql, Sql, Sql, Sql];
/** Also a text like `'5 minutes'` is an interval. */
const [slide, step, size] = [raw("slide::INTERVAL"), raw("step::INTERVAL"), raw("size::INTERVAL")];

/** The start of the row's bucket of that width, from the macro's origin or from DuckDB's. */
type Bucket = (width: Sql) => Sql;

/** The latest multiple of a width that is not after a time. */
export function bucketOf(width: Sql, time: Sql, origin: Sql | undefined): Sql {
  return origin === undefined
    ? sql`time_bucket(${width}, ${time})`
    : sql`time_bucket(${width}, ${time}, (${origin})::TIMESTAMP)`;
}

/**
 * How many steps it takes to cover a size, or some more where months are in it: the filters of the macros
 * leave out what is too much. DuckDB computes it once.
 */
export function stepsIn(step: Sql, size: Sql): Sql {
  return sql`CASE WHEN ${monthsOf(step)} = 0 AND ${monthsOf(size)} = 0
    THEN (epoch_us(${size}) - 1) // epoch_us(${step}) + 1
    ELSE floor(1.05 * epoch(${size}) / epoch(${step}))::BIGINT + 2 END`;
}

export function monthsOf(interval: Sql): Sql {
  return sql`(12 * datepart('year', ${interval}) + datepart('month', ${interval}))`;
}

/** Whether an interval has months and days or time beside them: what adding it does depends on the month. */
export function isMixed(interval: Sql): Sql {
  return sql`(${monthsOf(interval)} <> 0 AND ${restUsOf(interval)} <> 0)`;
}

/** Its days and time, without its months, in microseconds. */
export function restUsOf(interval: Sql): Sql {
  return sql`epoch_us(${interval} - to_months(${monthsOf(interval)}::INTEGER))`;
}

function tumble(bucket: Bucket): Sql {
  const start = bucket(size);
  return sql`SELECT *, ${start} AS window_start, ${start} + ${size} AS window_end FROM query_table(tbl)`;
}

/** Whether a size is made of whole steps: windows are complete without a look at each row. */
function isEven(step: Sql, size: Sql): Sql {
  return sql`(${monthsOf(step)} = 0 AND ${monthsOf(size)} = 0 AND epoch_us(${size}) % epoch_us(${step}) = 0)`;
}

/** A row without a time has one window, which is NULL; one of infinite time has one that is infinite. */
const isTimed = sql`isfinite(${column}::TIMESTAMP)`;
/** The stream with what windows are counted from: found once a row, and not once a window. */
const withStart = (start: Sql): Sql => sql`(SELECT *, ${start} AS ${first} FROM query_table(tbl))`;

function hop(bucket: Bucket): Sql {
  const start = sql`${first} - ${nth} * ${slide}`;
  return sql`SELECT * EXCLUDE (${first}, ${nth}), ${start} AS window_start, ${start} + ${size} AS window_end
    FROM ${withStart(bucket(slide))}, range(0, ${stepsIn(slide, size)}) hops(${nth})
    WHERE CASE WHEN ${isEven(slide, size)} THEN ${nth} = 0 OR ${isTimed}
               ELSE ${column} < ${start} + ${size} OR (${nth} = 0 AND ${isTimed} IS NOT TRUE) END`;
}

function cumulate(bucket: Bucket): Sql {
  const [stepEnd, lastEnd] = [sql`${first} + ${nth} * ${step}`, sql`${first} + ${size}`];
  const end = sql`CASE WHEN ${isEven(step, size)} THEN ${stepEnd} ELSE least(${stepEnd}, ${lastEnd}) END`;
  const isThere = sql`(${isEven(step, size)} OR ${first} + (${nth} - 1) * ${step} < ${lastEnd})`;
  return sql`SELECT * EXCLUDE (${first}, ${nth}), ${first} AS window_start, ${end} AS window_end
    FROM ${withStart(bucket(size))}, range(1, ${stepsIn(step, size)} + 1) steps(${nth})
    WHERE (${column} < ${end} AND ${isThere}) OR (${nth} = 1 AND ${isTimed} IS NOT TRUE)`;
}

const session = sql`
  WITH gaps AS (SELECT *, CASE WHEN tcol - lag(tcol) OVER (PARTITION BY key ORDER BY tcol) < gap
                               THEN 0 ELSE 1 END AS ${opens} FROM query_table(tbl)),
       numbered AS (SELECT *, sum(${opens}) OVER (PARTITION BY key ORDER BY tcol
                                                       RANGE UNBOUNDED PRECEDING) AS ${number} FROM gaps)
  SELECT * EXCLUDE (${opens}, ${number}), min(tcol) OVER (PARTITION BY key, ${number}) AS window_start,
         max(tcol) OVER (PARTITION BY key, ${number}) + gap AS window_end FROM numbered`;

/** A macro that may be given an origin too. */
function withOrigin(name: string, parameters: string, definition: (bucket: Bucket) => Sql): Sql {
  const from = (origin: Sql | undefined): Sql => definition((width) => bucketOf(width, column, origin));
  const forms = [
    sql`(${raw(parameters)}) AS TABLE (${from(undefined)})`,
    sql`(${raw(parameters)}, origin) AS TABLE (${from(raw("origin"))})`,
  ];
  return sql`CREATE OR REPLACE MACRO ${id(name)} ${join(forms)}`;
}

export const WINDOW_MACROS: Sql = join(
  [
    withOrigin("tumble", "tbl, tcol, size", tumble),
    withOrigin("hop", "tbl, tcol, slide, size", hop),
    withOrigin("cumulate", "tbl, tcol, step, size", cumulate),
    sql`CREATE OR REPLACE MACRO session(tbl, tcol, gap, key) AS TABLE ${session}`,
  ],
  ";\n",
);
