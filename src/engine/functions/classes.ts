/**
 * What the planner knows of each of DuckDB's functions. DuckDB's own word for it, `stability`, does not hold for
 * all: `current_localtimestamp()` tells the time and is called consistent. So every function is judged here, and
 * one that nobody has judged is refused.
 */

import { nodesOf, type TreeNode, textIn } from "../../duckdb/syntax.ts";
import { refusal } from "../refusals.ts";
import { windowCallOf } from "../windows.ts";
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

/** Table functions that read what is named in a text. */
const READ_BY_NAME = setOf("query query_table");

/** They make several rows, or none, of one. */
const MAKES_ROWS = setOf("unnest unlist generate_subscripts regexp_split_to_table");

/** They take the name of an aggregate as a text. */
const TAKES_AGGREGATE = setOf("list_aggr list_aggregate array_aggr array_aggregate aggregate");

const AGGREGATES: ReadonlySet<string> = new Set(words(KNOWN.aggregate));
const MACROS: ReadonlySet<string> = new Set([...words(KNOWN.macro), ...words(KNOWN.table_macro)]);
const OF_VALUES: ReadonlySet<string> = new Set([...words(KNOWN.scalar), ...words(KNOWN.macro)]);

const CLOCK_REMEDY =
  "use the event time, or give the source a column with the time of its batch (received: NAME)";
const RECORD_REMEDY = "compute it from the record's own columns";

/** Of a function in lower case: whether its value is one of several rows. */
export function isAggregate(name: string): boolean {
  return AGGREGATES.has(name);
}

/** A macro of DuckDB's own, of values or tables. */
export function isMacro(name: string): boolean {
  return MACROS.has(name);
}

export function makesRows(name: string): boolean {
  return MAKES_ROWS.has(name);
}

/** Whether each call with the same arguments gives the same value, from its own row alone. */
export function isOfItsRow(name: string): boolean {
  const isOther = CLOCKS.has(name) || CHANGING.has(name) || OF_PROCESS.has(name);
  return OF_VALUES.has(name) && !isOther && !MAKES_ROWS.has(name);
}

/** Whether two calls, or two runs, may give different values for the same row. */
export function isVolatile(name: string): boolean {
  return CLOCKS.has(name) || CHANGING.has(name) || OF_PROCESS.has(name);
}

/** Throws code `job` at a function whose value is not the same twice, and at one that nobody has judged. */
export function refuseFunctions(tree: TreeNode): void {
  const inFrom = new Set<unknown>();
  for (const node of nodesOf(tree)) {
    const called = textIn(node, "function_name");
    if (node["type"] === "TABLE_FUNCTION") {
      inFrom.add(node["function"]);
      refuseTableFunction(node);
    } else if (node["class"] === "WINDOW" || (node["class"] === "FUNCTION" && !inFrom.has(node)))
      refuseCall(called, node);
  }
  refuseClockNames(tree);
}

function refuseTableFunction(from: TreeNode): void {
  const called = textIn(from["function"] as TreeNode, "function_name").toLowerCase();
  if (READ_BY_NAME.has(called))
    throw refusal(`${called}() reads what only a text names`, "write its query out in FROM");
  if (!OF_ARGUMENTS.has(called) && windowCallOf(from) === undefined)
    throw refusal(
      `a query reads sources, tables and other queries: found ${called}(…)`,
      "name what it reads under sources: or tables:",
    );
}

function refuseCall(called: string, node: TreeNode): void {
  const name = called.toLowerCase();
  const args = (node["children"] ?? []) as readonly TreeNode[];
  // Its age is that of today where it is not told at which time.
  if (CLOCKS.has(name) || (name === "age" && args.length < 2))
    throw refusal(`${called}() tells the time of the clock, ${AGAIN}`, CLOCK_REMEDY);
  if (CHANGING.has(name)) throw refusal(`${called}() gives another value each time, ${AGAIN}`, RECORD_REMEDY);
  if (OF_PROCESS.has(name))
    throw refusal(`${called}() tells of the process and not of the record, ${AGAIN}`, RECORD_REMEDY);
  const given = (args[1]?.["value"] as TreeNode | undefined)?.["value"];
  if (TAKES_AGGREGATE.has(name) && typeof given === "string" && CHANGING.has(given.toLowerCase()))
    throw refusal(`${given} gives another value each time, ${AGAIN}`, RECORD_REMEDY);
  if (name === "alias")
    throw refusal("alias() asks what a column is called while the query runs", "write its name as a text");
  const isKnown = AGGREGATES.has(name) || OF_VALUES.has(name) || MAKES_ROWS.has(name) || !/^[a-z]/.test(name);
  if (!isKnown && !name.startsWith("icu_collate_"))
    throw refusal(
      `the function ${called} is none that is known to give the same value each time`,
      "write it with DuckDB's built-in functions",
    );
}

const AGAIN = "so a batch that is run again would not give the same rows";

/** `current_date` and its like are columns to the parser. */
function refuseClockNames(tree: TreeNode): void {
  for (const node of nodesOf(tree)) {
    const [name = "", ...more] =
      node["class"] === "COLUMN_REF" ? (node["column_names"] as readonly string[]) : [];
    if (more.length === 0 && /^(?:current_(?:date|time|timestamp)|local(?:time|timestamp))$/i.test(name))
      throw refusal(`${name} is another one each time, ${AGAIN}`, CLOCK_REMEDY);
  }
}
