/**
 * An Iceberg table that one sink appends to. Before rows are written the table has their columns and their
 * partitions, in a commit of its own; a batch is one snapshot. That the batch is there is a property of the
 * table and stands in the snapshot's summary: a batch that comes again is found, and not written.
 */

import { createHash, randomUUID } from "node:crypto";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { logger } from "../base/log.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { finite, mayNotFit } from "../warehouse/hive-types.ts";
import type { Store } from "../warehouse/store.ts";
import type { WrittenColumn } from "../warehouse/unfit-rows.ts";
import { append, type Place } from "./append.ts";
import { openCatalog, type TableVersion } from "./catalog.ts";
import { evolved } from "./evolve.ts";
import { BATCH } from "./expiry.ts";
import { OWN_FILE, openLists } from "./merge.ts";
import {
  checkSpec,
  currentFields,
  newTable,
  specOf,
  type TableMetadata,
  withFields,
  withProperty,
  withSpec,
} from "./metadata.ts";
import { resolved, type WantedPartition } from "./partitions.ts";
import { stageFiles } from "./staged-files.ts";
import { sweep } from "./sweep.ts";
import { duckdbType, type IceField, typeName } from "./types.ts";

export interface TableOptions {
  readonly database: Database;
  readonly store: Store;
  /** The table's, in the store. */
  readonly folder: string;
  /** As people call it. */
  readonly table: string;
  /** What metadata calls the folder, where the table is new. */
  readonly location: string;
  readonly columns: readonly Column[];
  /** Undefined: as the table is partitioned. */
  readonly partitions: readonly WantedPartition[] | undefined;
  /** Whose batches these are. */
  readonly writer: string;
  readonly checkpoint: string;
  /** The columns that this checkpoint has written; undefined where none. */
  readonly knownColumns: readonly string[] | undefined;
  /** Snapshots of ours that are kept at least. */
  readonly keepSnapshots: number | undefined;
  /** A folder of this machine. */
  readonly staging: string;
  readonly isDurable: boolean;
  readonly nowMs: () => number;
}

export interface IcebergTable {
  /** The last batch of the checkpoint that the table has, as it was opened. */
  readonly batch: number | undefined;
  /** Whether it has rows of this writer that another checkpoint has put there. */
  readonly hasOtherBatches: boolean;
  /** The table has the columns and partitions, and these are how it has them. Throws code `job`. */
  adopt(): Promise<Adopted>;
  /** Exactly once for each number of a batch: `there` where the table has it, and nothing was done. */
  append(batchId: number, relation: string, adopted: Adopted): Promise<"written" | "there">;
  /** Removes what killed runs of this checkpoint have left. */
  sweep(): Promise<void>;
}

export interface Adopted {
  readonly columns: readonly WrittenColumn[];
  readonly fields: readonly IceField[];
  readonly version: TableVersion;
  readonly specId: number;
}

const MAX_TRIES = 1000;

/** Nothing is changed yet. Throws code `job` where the table is there and the rows don't fit it. */
export async function openTable(options: TableOptions): Promise<IcebergTable> {
  const { store, folder, table, writer, checkpoint, columns, nowMs } = options;
  const catalog = openCatalog(store, folder, table);
  const lists = openLists(store);
  const name = `The table ${table} in ${store.url}`;
  const mark = `streamkit.batch.${writer}`;
  const digest = createHash("sha256").update(`${checkpoint}\0${writer}`).digest("hex").slice(0, 12);
  const prefix = `${OWN_FILE}${writer.replaceAll(/[^\w.-]/g, "_")}-${digest}-`;
  const place: Place = {
    store,
    folder,
    staging: options.staging,
    stagingInStore: `${folder}/_staging-${digest}`,
    isDurable: options.isDurable,
    filePrefix: (batchId) => `${prefix}${batchId}-`,
  };
  let hasAdopted = false;
  const mayLack = (column: string): boolean =>
    hasAdopted || (options.knownColumns !== undefined && !options.knownColumns.includes(column));

  /** What the table is to be; undefined where it is so. */
  const evolvedFrom = ({ metadata }: TableVersion) => {
    const { fields, lastColumnId, changes, reasons } = evolved(
      currentFields(metadata),
      metadata["last-column-id"],
      columns,
      mayLack,
    );
    if (reasons.length > 0)
      throw new StreamkitError(
        "job",
        `${name} doesn't fit these rows, and was left as it is:\n` +
          reasons.map((reason) => `  ${reason}`).join("\n") +
          "\n  Ways out: SELECT what the table has, or write to another table",
      );
    const widened = changes.length === 0 ? metadata : withFields(metadata, fields, lastColumnId);
    const next =
      options.partitions === undefined
        ? widened
        : withSpec(widened, resolved(options.partitions, currentFields(widened)));
    const spec = specOf(next, next["default-spec-id"]);
    checkSpec(spec, currentFields(next), name);
    const isSame = next["default-spec-id"] === metadata["default-spec-id"];
    return { next: changes.length === 0 && isSame ? undefined : next, changes, isSame };
  };
  const beginning = (): TableMetadata => {
    const { fields, lastColumnId } = evolved([], 0, columns, mayLack);
    const made = newTable({
      uuid: randomUUID(),
      location: options.location,
      nowMs: nowMs(),
      fields,
      lastColumnId,
    });
    return withSpec(made, resolved(options.partitions ?? [], fields));
  };
  const adoptOnce = async (): Promise<TableVersion | undefined> => {
    const version = await catalog.latest();
    if (version === undefined) return catalog.begin(beginning());
    const { next, changes, isSame } = evolvedFrom(version);
    if (next === undefined) return version;
    const committed = await catalog.commit(version, next, nowMs());
    if (committed !== undefined && changes.length > 0)
      logger("iceberg").info(`${table} has other columns: ${changes.join(", ")}`);
    if (committed !== undefined && !isSame)
      logger("iceberg").info(`${table} is partitioned otherwise from now on: what is there stays as it is`);
    return committed;
  };
  const batchIn = (metadata: TableMetadata): number | undefined => {
    const saved = readMark(metadata.properties[mark]);
    const batches = (metadata.snapshots ?? [])
      .filter(({ summary }) => summary["streamkit.writer"] === writer && summary[CHECKPOINT] === checkpoint)
      .map(({ summary }) => Number(summary[BATCH]));
    if (saved?.checkpoint === checkpoint) batches.push(saved.batch);
    return batches.length === 0 ? undefined : Math.max(...batches);
  };

  const found = await catalog.latest();
  if (found === undefined) await refuseOthers(store, folder, name);
  if (found === undefined) resolved(options.partitions ?? [], evolved([], 0, columns, mayLack).fields);
  else evolvedFrom(found);
  const saved = readMark(found?.metadata.properties[mark]);
  return {
    batch: found === undefined ? undefined : batchIn(found.metadata),
    hasOtherBatches: saved !== undefined && saved.checkpoint !== checkpoint,
    async adopt() {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const version = await adoptOnce();
        if (version === undefined) continue;
        hasAdopted = true;
        const fields = currentFields(version.metadata);
        const own = fields.flatMap((field) => {
          const column = columns.find((one) => one.name === field.name);
          return column === undefined ? [] : [{ field, column: written(column, field) }];
        });
        return {
          version,
          specId: version.metadata["default-spec-id"],
          fields: own.map(({ field }) => field),
          columns: own.map(({ column }) => column),
        };
      }
      throw new StreamkitError("io", `${name} changes faster than it is read`, { component: "iceberg" });
    },
    async append(batchId, relation, adopted) {
      const { version, specId, fields } = adopted;
      const isThere = (metadata: TableMetadata): boolean => (batchIn(metadata) ?? 0) >= batchId;
      if (isThere(version.metadata)) return "there";
      const spec = specOf(version.metadata, specId);
      const files = await stageFiles({
        database: options.database,
        rows: sql`SELECT ${adopted.columns.map((column) => column.written)} FROM ${id(relation)}`,
        fields,
        spec,
        folder: options.staging,
      });
      failpoint("iceberg-staged");
      const properties = JSON.stringify({ checkpoint, batch: batchId });
      await append(
        catalog,
        place,
        {
          batchId,
          files,
          schema: {
            type: "struct",
            "schema-id": version.metadata["current-schema-id"],
            fields: currentFields(version.metadata),
          },
          specId,
          summary: {
            "streamkit.writer": writer,
            [CHECKPOINT]: checkpoint,
            [BATCH]: String(batchId),
            "engine-name": "streamkit",
          },
          isThere,
          mark: (metadata) => (options.isDurable ? withProperty(metadata, mark, properties) : metadata),
          nowMs,
          expiry: { keep: options.keepSnapshots },
        },
        lists,
      );
      return "written";
    },
    async sweep() {
      const version = await catalog.latest();
      const last = version === undefined ? 0 : (batchIn(version.metadata) ?? 0);
      await sweep({ store, folder, staging: options.staging, prefix, last, version, lists });
      await store.remove(place.stagingInStore);
    },
  };
}

const CHECKPOINT = "streamkit.checkpoint-id";

/** Files of a table of another kind would be no part of this one, for its readers. */
async function refuseOthers(store: Store, folder: string, name: string): Promise<void> {
  const other = (await store.list(folder)).find(({ path }) => path.endsWith(".parquet"));
  if (other === undefined) return;
  throw new StreamkitError(
    "job",
    `${name} is no Iceberg table, and has files like ${other.path}: write to another table`,
  );
}

interface Mark {
  readonly checkpoint: string;
  readonly batch: number;
}

function readMark(text: string | undefined): Mark | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Mark);
}

/** A column of the rows as the table's files have it. */
function written({ name, type }: Column, field: IceField): WrittenColumn {
  const wanted = duckdbType(field.type);
  const cast = sql`CAST(${id(name)} AS ${raw(wanted)})`;
  const value = finite(plain(wanted) === plain(type) ? id(name) : cast, wanted);
  // Whether a value is there is a number; that none is can't be cast to one, and fails as other values do.
  const isThere = sql`CAST(CASE WHEN (${value}) IS NULL THEN 'NULL' ELSE '1' END AS INTEGER) = 1`;
  const checked = field.required ? sql`CASE WHEN ${isThere} THEN ${value} END` : value;
  return {
    name,
    type: typeName(field.type),
    value: checked,
    written: sql`${checked} AS ${id(name)}`,
    mayFail: field.required || mayNotFit(type),
    ...(field.required
      ? { reason: `"${name}" is NULL${mayNotFit(type) ? " or too large" : ""}, and the table requires it` }
      : {}),
  };
}

/** DuckDB quotes the names of fields only where it must. */
function plain(type: string): string {
  return type.replaceAll('"', "");
}
