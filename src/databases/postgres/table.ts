/** A table of PostgreSQL: what it is, compared with a query, or made for it. */

import { StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { compareTable, type TableColumn, type UniqueIndex } from "../compare.ts";
import type { Feed } from "../target.ts";
import type { Answer, Connection } from "./connection.ts";
import { type PostgresType, postgresType, type ServerType } from "./types.ts";

/** A column that is written. */
interface WrittenColumn {
  readonly name: string;
  readonly type: PostgresType;
  /** The type in pg_type, and how it is said in a cast. */
  readonly base: string;
  readonly castType: string;
}

export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly WrittenColumn[];
}

interface ServerColumn extends TableColumn, ServerType {
  readonly castType: string;
}

const LEAST_VERSION = 120_000;

/** `schema.table`, each perhaps in double quotes. Throws code `job`. */
function tableName(text: string): readonly [schema: string | undefined, name: string] {
  const parts = [...text.matchAll(/"((?:[^"]|"")+)"|([^".]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
  const [first, second] = parts;
  if (first === undefined || parts.length > 2)
    throw new StreamkitError("job", `table is NAME or SCHEMA.NAME, found "${text}"`);
  return second === undefined ? [undefined, first] : [first, second];
}

/** Throws code `job` with all that does not fit. Nothing is written before. */
export async function openTable(
  connection: Connection,
  { text, creates, feed }: { readonly text: string; readonly creates: boolean; readonly feed: Feed },
): Promise<Table> {
  const [server] = await connection.run(sql`SELECT current_setting('server_version_num') AS version,
    current_schema() AS own, has_database_privilege(current_database(), 'TEMP') AS may_stage`);
  const version = Number(server?.["version"] ?? 0);
  if (version < LEAST_VERSION)
    throw new StreamkitError("job", "PostgreSQL is too old: 12 is the least that is written to");
  const types = typesOf(feed);
  const [schema, name] = tableName(text);
  const relation = schema === undefined ? id(name) : id(schema, name);
  const find = (): Promise<Answer> => connection.run(tableFacts(relation));
  let [found] = await find();
  if (found === undefined) {
    if (!creates) throw new StreamkitError("job", `There is no table ${text}: make it, or say create: true`);
    await create(connection, { relation, name, types, feed, version });
    [found] = await find();
  }
  const facts = found ?? {};
  const columns = (await connection.run(columnFacts(relation))).map(columnOf);
  const indexes = await connection.run(indexFacts(relation));
  compareTable({
    table: `The table ${text}`,
    feed,
    facts: {
      columns,
      uniqueIndexes: indexes.map(
        (index): UniqueIndex => ({
          name: index["name"] ?? "",
          columns: JSON.parse(index["columns"] ?? "[]") as string[],
        }),
      ),
      missingRights: [
        ...(facts["kind"] === "r" || facts["kind"] === "p"
          ? []
          : [`it is no table (relkind "${facts["kind"] ?? ""}"): rows are written to tables`]),
        ...missingRights(feed, facts),
        ...(server?.["may_stage"] === "t"
          ? []
          : ["the user has no right to make temporary tables: GRANT TEMPORARY ON DATABASE"]),
      ],
    },
    narrower(type, column) {
      const wanted = types.get(type);
      return wanted === undefined || wanted.fits(column as ServerColumn)
        ? undefined
        : `make it ${wanted.created}, or cast the query's column`;
    },
    createIndex: (key) =>
      `CREATE UNIQUE INDEX ON ${relation.text} (${key.map((column) => id(column).text).join(", ")})`,
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  return {
    schema: facts["schema"] ?? "",
    name,
    columns: feed.columns.map((column) => {
      const { base = "", castType = "" } = byName.get(column.name) ?? {};
      return { name: column.name, type: types.get(column.type) ?? NO_TYPE, base, castType };
    }),
  };
}

const NO_TYPE = postgresType("VARCHAR") as PostgresType;

/** By DuckDB's names. Throws code `job` with all columns that PostgreSQL has no type for. */
export function typesOf({ columns }: Pick<Feed, "columns">): ReadonlyMap<string, PostgresType> {
  const types = new Map(columns.map(({ type }) => [type, postgresType(type)]));
  const without = columns.filter(({ type }) => types.get(type) === undefined);
  if (without.length > 0)
    throw new StreamkitError(
      "job",
      `PostgreSQL has no type for ${without.map(({ name, type }) => `"${name}" (${type})`).join(", ")}: ` +
        "cast in the query, like ::VARCHAR or to_json(…)",
    );
  return types as ReadonlyMap<string, PostgresType>;
}

interface Creation {
  readonly relation: Sql;
  readonly name: string;
  readonly types: ReadonlyMap<string, PostgresType>;
  readonly feed: Feed;
  readonly version: number;
}

/** NULLs that count as equal, so that a key with one stands there once. */
const LEAST_VERSION_OF_EQUAL_NULLS = 150_000;

async function create(
  connection: Connection,
  { relation, name, types, feed, version }: Creation,
): Promise<void> {
  const columns = feed.columns.map(
    (column) => sql`${id(column.name)} ${raw(types.get(column.type)?.created ?? "")}`,
  );
  const nulls = raw(version >= LEAST_VERSION_OF_EQUAL_NULLS ? " NULLS NOT DISTINCT" : "");
  const key =
    feed.mode === "append" || feed.key.length === 0
      ? raw("")
      : sql`CREATE UNIQUE INDEX ON ${relation} (${feed.key.map((column) => id(column))})${nulls};`;
  await connection.run(sql`BEGIN; CREATE TABLE ${relation} (${join(columns)}); ${key} COMMIT`);
  logger("postgres").info(`The table ${name} was made in PostgreSQL`);
}

function tableFacts(relation: Sql): Sql {
  const right = (name: string): Sql => sql`has_table_privilege(c.oid, ${name})`;
  return sql`SELECT n.nspname AS schema, c.relkind AS kind, ${right("SELECT")} AS may_select,
    has_any_column_privilege(c.oid, 'INSERT') AS may_insert,
    has_any_column_privilege(c.oid, 'UPDATE') AS may_update, ${right("DELETE")} AS may_delete
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass(${relation.text})`;
}

function missingRights({ mode, key }: Feed, facts: Answer[number]): readonly string[] {
  const needed =
    mode === "append" ? ["INSERT"] : ["SELECT", "INSERT", "DELETE", ...(key.length > 0 ? ["UPDATE"] : [])];
  return needed
    .filter((right) => facts[`may_${right.toLowerCase()}`] !== "t")
    .map((right) => `the user has no right to ${right} there: GRANT ${right} ON the table`);
}

function columnFacts(relation: Sql): Sql {
  return sql`SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
      format_type(coalesce(b.oid, t.oid), NULL) AS cast_type, coalesce(b.typname, t.typname) AS base,
      coalesce(b.typtype, t.typtype) = 'e' AS is_enum,
      CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier,
      (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND t.typdefault IS NULL
        AND a.attidentity = '' AS is_required,
      CASE WHEN a.attgenerated <> '' THEN 'generated'
        WHEN a.attidentity = 'a' THEN 'GENERATED ALWAYS AS IDENTITY' END AS unwritable
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_type AS b ON t.typtype = 'd' AND b.oid = t.typbasetype
    WHERE a.attrelid = to_regclass(${relation.text}) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum`;
}

function columnOf(row: Answer[number]): ServerColumn {
  const base = row["base"] ?? "";
  return {
    name: row["name"] ?? "",
    type: row["type"] ?? "",
    castType: row["cast_type"] ?? "",
    base,
    isEnum: row["is_enum"] === "t",
    isRequired: row["is_required"] === "t",
    unwritable: row["unwritable"] ?? undefined,
    ...boundsOf(base, Number(row["modifier"] ?? -1)),
  };
}

/** What a type's modifier says: of a numeric it is packed, and 4 too much. */
function boundsOf(base: string, modifier: number): Pick<ServerType, "precision" | "scale"> {
  if (modifier < 0) return {};
  if (base === "numeric") {
    const packed = modifier - 4;
    // Eleven bits with a sign since version 15.
    return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
  }
  return /^(?:time|interval|varbit)/.test(base) ? { precision: modifier } : {};
}

/** Unique indexes that tell rows apart at once, over columns alone. */
function indexFacts(relation: Sql): Sql {
  return sql`SELECT i.indexrelid::regclass::text AS name, (
      SELECT json_agg(a.attname) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
      WHERE k.place <= i.indnkeyatts)::text AS columns
    FROM pg_index AS i WHERE i.indrelid = to_regclass(${relation.text}) AND i.indisunique AND i.indisvalid
      AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL`;
}
