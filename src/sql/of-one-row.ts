/**
 * SQL of a job that is given a row and has no more to go by: a source's `select:`, and what a sink's options
 * compute. Where a batch is cut must not change its value, and a batch that is run again must give it again.
 */

import type { Column, Database } from "../duckdb/database.ts";
import type { Sql } from "../duckdb/sql.ts";
import { nodesOf, parseSelect, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { correlatedOuterAggregate } from "./correlated-outer-aggregates.ts";
import { isAggregate } from "./functions/classes.ts";
import { withoutMacros } from "./functions/macros.ts";
import { refuseFunctions } from "./functions/refuse.ts";
import { withoutCtes } from "./lineage.ts";
import { refusal } from "./refusals.ts";
import { type Catalog, hasModifier, isGrouped, modifiersOf, windowFunctionsOf } from "./syntax-facts.ts";

const REMEDY = "do that in a query";

const catalog: Catalog = {
  streamOf: () => undefined,
  tableOf: () => undefined,
  isAggregate,
};

/**
 * The columns of `SELECT expressions FROM (a row)`. Throws code `job` where an expression has more to go by,
 * and what DuckDB throws where it does not understand one.
 */
export async function describeRow(database: Database, query: Sql): Promise<Column[]> {
  const select = await selectOfRow(database, query);
  const columns = await database.describe(query);
  refuseFunctions(select);
  const hidden = await correlatedOuterAggregate(database, select, catalog);
  if (hidden !== undefined) throw refusal(`${hidden.text} is an aggregate over rows`, REMEDY);
  return columns;
}

async function selectOfRow(database: Database, query: Sql): Promise<TreeNode> {
  const select = withoutCtes(await withoutMacros(database, await parseSelect(database, query.text)), catalog);
  const from = select["from_table"] as TreeNode | undefined;
  if (select["type"] !== "SELECT_NODE" || from?.["type"] !== "SUBQUERY")
    throw refusal("it gives each row its values, and is more than a list of them", REMEDY);
  const isCut =
    select["where_clause"] !== null || select["qualify"] !== null || modifiersOf(select).length > 0;
  if (hasModifier(select, "DISTINCT")) throw refusal("DISTINCT compares rows", REMEDY);
  if (isCut) throw refusal("it gives each row its values, and leaves none out", REMEDY);
  if (isGrouped(select, catalog))
    throw refusal("it gives each row its values, and aggregates look at many", REMEDY);
  const [over] = windowFunctionsOf(select["select_list"] ?? []);
  if (over !== undefined)
    throw refusal(
      `${textIn(over, "function_name")}(…) OVER looks at other rows, as a batch has them`,
      REMEDY,
    );
  for (const node of nodesOf(select)) {
    if (node["type"] === "BASE_TABLE" || node["type"] === "SHOW_REF")
      throw refusal(`it reads "${textIn(node, "table_name")}" beside its row`, "join it in a query");
    if (node["type"] === "SELECT_NODE" && node["sample"] !== null)
      throw refusal("a sample is another one each time", "leave it out");
  }
  return select;
}
