/** The sizes and the origin of a window as SQL, refused where windows of them have no meaning. */

import type { Database } from "../duckdb/database.ts";
import { join, type Sql, sql } from "../duckdb/sql.ts";
import { expressionText, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { refusal } from "./refusals.ts";
import { monthsOf, restUsOf, stepsIn } from "./window-macros.ts";
import type { WindowCall, WindowSizes } from "./windows.ts";

/** A row is copied into each of its windows. */
const MAX_WINDOWS_OF_ROW = 1_000_000;
const DAY_US = 86_400_000_000n;

interface Interval {
  readonly text: string;
  readonly months: bigint;
  readonly restUs: bigint;
}

/** Throws code `job` with the reason and a way out. `timeType` is DuckDB's type of the time column. */
export async function windowSizes(
  database: Database,
  select: TreeNode,
  window: WindowCall,
  timeType: string | undefined,
): Promise<WindowSizes> {
  const { kind } = window;
  const textOf = (node: TreeNode): Promise<Sql> => expressionText(database, select, { ...node, alias: "" });
  const sizes = await Promise.all(window.parameters.map(textOf));
  const origin = window.origin === undefined ? undefined : await textOf(window.origin);
  const intervals: Interval[] = [];
  for (const size of kind === "session" ? sizes.slice(0, 1) : sizes)
    intervals.push(await intervalOf(database, size));
  if (kind !== "session") {
    // What the starts of windows are multiples of.
    const grid = kind === "hop" ? intervals[0] : intervals.at(-1);
    if (grid !== undefined) {
      refuseUneven(grid);
      if (origin !== undefined) await refuseOrigin(database, origin, grid);
      else if (timeType === "DATE") refuseWithinDays(grid);
    }
    await refuseTooMany(database, sizes);
  } else if (origin !== undefined)
    throw refusal("a session has no origin: it begins with a key's own row", "leave the origin out");
  return { sizes, origin };
}

/** A number says nothing of a time; Postgres and DuckDB take a text of one for seconds. */
export function refuseUnitless({ kind, parameters }: WindowCall): void {
  for (const size of kind === "session" ? parameters.slice(0, 1) : parameters) {
    const constant = size["class"] === "CAST" ? (size["child"] as TreeNode) : size;
    if (constant["class"] !== "CONSTANT") continue;
    const { type, value } = constant["value"] as TreeNode;
    const isNumber = /INT|DECIMAL|DOUBLE|FLOAT/.test(textIn(type as TreeNode, "id"));
    const isOfText = typeof value === "string" && /^\s*[+-]?[\d.]+\s*$/.test(value);
    if (!isNumber && !isOfText) continue;
    // A DECIMAL stands in the tree without its point.
    const found = isOfText ? `: ${value}` : typeof value === "number" && isWhole(type) ? `: ${value}` : "";
    throw refusal(
      `${kind}(…) has a number without a unit${found}`,
      "write an interval, like INTERVAL 60 SECOND or '1 minute'",
    );
  }
}

function isWhole(type: Tree | undefined): boolean {
  return /INT/.test(textIn(type as TreeNode, "id"));
}

async function intervalOf(database: Database, given: Sql): Promise<Interval> {
  const size = sql`TRY_CAST(${given} AS INTERVAL)`;
  const row = await database.row(sql`SELECT ${monthsOf(size)} AS months, ${restUsOf(size)} AS rest`);
  const [months, restUs] = [row["months"], row["rest"]];
  const isLong =
    typeof months === "bigint" &&
    typeof restUs === "bigint" &&
    months >= 0n &&
    restUs >= 0n &&
    months + restUs > 0n;
  if (!isLong)
    throw refusal(
      `its window's INTERVAL is not longer than nothing: ${given.text}`,
      "give it a positive one",
    );
  return { text: given.text, months, restUs };
}

function refuseUneven({ text, months, restUs }: Interval): void {
  if (months > 0n && restUs > 0n)
    throw refusal(
      `its windows follow each other in months and days, which makes no even grid: ${text}`,
      "use months alone, or days and time alone",
    );
}

/** The time of day is cut off from the start of a bucket that DuckDB finds for a DATE. */
function refuseWithinDays({ text, months, restUs }: Interval): void {
  const isWhole = months > 0n || restUs % DAY_US === 0n || DAY_US % restUs === 0n;
  if (!isWhole)
    throw refusal(
      `its time is a DATE, and its windows begin within days: ${text}`,
      "use whole days, or a TIMESTAMP in the source",
    );
}

async function refuseOrigin(database: Database, origin: Sql, grid: Interval): Promise<void> {
  const [column] = await database.describe(sql`SELECT ${origin} AS origin`);
  if (!/^(?:DATE|TIMESTAMP\b.*|VARCHAR)$/.test(column?.type ?? ""))
    throw refusal(
      `its window's origin is no time but ${column?.type ?? "nothing"}: ${origin.text}`,
      "write it like origin := TIMESTAMP '2026-01-01 06:00:00'",
    );
  const time = sql`TRY_CAST(${origin} AS TIMESTAMP)`;
  const row = await database.row(sql`SELECT coalesce(isfinite(${time}), false) AS is_time,
    ${time} = date_trunc('month', ${time}) AS is_first_of_month`);
  if (row["is_time"] !== true)
    throw refusal(
      `its window's origin is no time: ${origin.text}`,
      "write it like origin := TIMESTAMP '2026-01-01 06:00:00'",
    );
  if (grid.months > 0n && row["is_first_of_month"] !== true)
    throw refusal(
      `windows of months begin with a month, and their origin does not: ${origin.text}`,
      "name the first of a month at midnight, or use windows of days",
    );
}

async function refuseTooMany(database: Database, [step, size]: readonly Sql[]): Promise<void> {
  if (step === undefined || size === undefined) return;
  const row = await database.row(
    sql`SELECT ${stepsIn(sql`(${step})::INTERVAL`, sql`(${size})::INTERVAL`)} AS windows`,
  );
  const windows = row["windows"];
  if (typeof windows !== "bigint" || windows > MAX_WINDOWS_OF_ROW)
    throw refusal(
      `each row would be in some ${String(windows)} windows: ${join([step, size], " in ").text}`,
      `at most ${MAX_WINDOWS_OF_ROW} are possible; make its steps longer`,
    );
}
