/** Refuses calls of functions that no execution can take. */

import { nodesOf, type TreeNode, textIn } from "../../duckdb/syntax.ts";
import { refusal } from "../refusals.ts";
import { windowCallOf } from "../windows.ts";
import { type Changing, isAggregate, isOfArguments, isOfItsRow, makesRows, whyChanging } from "./classes.ts";

/** Table functions that read what is named in a text. */
const READ_BY_NAME = new Set(["query", "query_table"]);

/** They take the name of an aggregate as a text. */
const TAKES_AGGREGATE = new Set([
  "list_aggr",
  "list_aggregate",
  "array_aggr",
  "array_aggregate",
  "aggregate",
]);

const CLOCK_REMEDY =
  "use the event time, or give the source a column with the time of its batch (received: NAME)";
const RECORD_REMEDY = "compute it from the record's own columns";

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
  if (!isOfArguments(called) && windowCallOf(from) === undefined)
    throw refusal(
      `a query reads sources, tables and other queries: found ${called}(…)`,
      "name what it reads under sources: or tables:",
    );
}

function refuseCall(called: string, node: TreeNode): void {
  const name = called.toLowerCase();
  const args = (node["children"] ?? []) as readonly TreeNode[];
  // Without a second time it is the age of today.
  refuseChanging(called, name === "age" && args.length < 2 ? "clock" : whyChanging(name));
  const given = (args[1]?.["value"] as TreeNode | undefined)?.["value"];
  if (TAKES_AGGREGATE.has(name) && typeof given === "string")
    refuseChanging(given, whyChanging(given.toLowerCase()));
  if (name === "alias")
    throw refusal("alias() asks what a column is called while the query runs", "write its name as a text");
  const isKnown = isAggregate(name) || isOfItsRow(name) || makesRows(name) || !/^[a-z]/.test(name);
  if (!isKnown && !name.startsWith("icu_collate_"))
    throw refusal(
      `the function ${called} is none that is known to give the same value each time`,
      "write it with DuckDB's built-in functions",
    );
}

function refuseChanging(called: string, why: Changing | undefined): void {
  if (why === "clock") throw refusal(`${called}() tells the time of the clock, ${AGAIN}`, CLOCK_REMEDY);
  if (why === "random") throw refusal(`${called}() gives another value each time, ${AGAIN}`, RECORD_REMEDY);
  if (why === "process")
    throw refusal(`${called}() tells of the process and not of the record, ${AGAIN}`, RECORD_REMEDY);
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
