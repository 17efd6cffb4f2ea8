/**
 * What the planner knows of each of DuckDB's functions. DuckDB's own word for it, `stability`, does not hold
 * for all: `current_localtimestamp()` tells the time and is called consistent. So every function is judged
 * here, and one that nobody has judged is refused.
 */

import { KNOWN } from "./known.ts";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const setOf = (text: string): ReadonlySet<string> => new Set(words(text));

/** They tell the time of the wall clock. */
const CLOCKS = setOf(`now get_current_timestamp transaction_timestamp today current_date get_current_time
  current_localtime current_localtimestamp ago pg_conf_load_time pg_postmaster_start_time`);

/** They give another value each time. */
const CHANGING = setOf(`random setseed uuid gen_random_uuid uuidv4 uuidv7 nextval currval reservoir_quantile
  current_connection_id current_query current_query_id current_transaction_id txid_current`);

/** They tell of the process, its settings and its catalog, or do something to it. */
const OF_PROCESS =
  setOf(`current_setting getvariable getenv version stats write_log sleep_ms pg_sleep vector_type
  json_serialize_plan get_block_size format_type map_to_pg_oid pg_get_constraintdef pg_get_viewdef`);

/** Table functions whose rows come from their arguments alone. */
const OF_ARGUMENTS = setOf("range generate_series repeat repeat_row unnest unlist json_each json_tree");

/** They make several rows, or none, of one. */
const MAKES_ROWS = setOf("unnest unlist generate_subscripts regexp_split_to_table");

const AGGREGATES: ReadonlySet<string> = new Set(words(KNOWN.aggregate));
const MACROS: ReadonlySet<string> = new Set([...words(KNOWN.macro), ...words(KNOWN.table_macro)]);
const OF_VALUES: ReadonlySet<string> = new Set([...words(KNOWN.scalar), ...words(KNOWN.macro)]);

/** Of a function in lower case: whether its value is one of several rows. */
export function isAggregate(name: string): boolean {
  return AGGREGATES.has(name);
}

/** A macro of DuckDB's own, of values or tables. */
export function isMacro(name: string): boolean {
  return MACROS.has(name);
}

/** A table function whose rows come from its arguments alone. */
export function isOfArguments(name: string): boolean {
  return OF_ARGUMENTS.has(name);
}

export type Changing = "clock" | "random" | "process";

/** Why two calls, or two runs, may give different values for the same row; undefined where they don't. */
export function whyChanging(name: string): Changing | undefined {
  if (CLOCKS.has(name)) return "clock";
  if (CHANGING.has(name)) return "random";
  return OF_PROCESS.has(name) ? "process" : undefined;
}

export function makesRows(name: string): boolean {
  return MAKES_ROWS.has(name);
}

/** Whether each call with the same arguments gives the same value, from its own row alone. */
export function isOfItsRow(name: string): boolean {
  return OF_VALUES.has(name) && !isVolatile(name) && !MAKES_ROWS.has(name);
}

export function isVolatile(name: string): boolean {
  return whyChanging(name) !== undefined;
}
