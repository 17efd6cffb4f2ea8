/**
 * Joins of streams whose rows are final as they come. The rows of both sides are kept as long as the join's
 * time bound lets them meet. What is new is found by running the user's own SQL several times, each time with
 * other rows in the streams' places:
 *
 * - new rows meet what is there, place by place, so that each pair is found once (the product rule);
 * - a row without a partner is given out by an outer join when none can come any more: then its side holds
 *   such rows only, and the other side is empty;
 * - ANTI and ASOF joins look at a row when nothing can change for it any more.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { INFINITY_US, id, join, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { emptyTable } from "../sql/input.ts";
import type { TimeBound } from "../sql/stream.ts";
import { openKeptIfAny } from "./on-error/kept-rows.ts";
import type { Partners } from "./on-error/partners.ts";
import type { Batch, Explanation, Query } from "./query.ts";
import { closedByAll, type Store } from "./store.ts";

/** What a pass reads at a place. */
export type Rows = "all" | "old" | "new" | "final" | "none";

export interface JoinPass {
  /** What must not be empty for the pass to give anything. */
  readonly needs: readonly { readonly place: number; readonly rows: Rows }[];
  /** The user's SQL over the relations `passRelation`. */
  readonly answer: Sql;
}

interface JoinPlace {
  readonly store: Store;
  /** From a row to the time when it is final; undefined where only the end of the input makes it so. */
  readonly final: Sql | undefined;
}

export interface JoinOptions {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly sources: readonly string[];
  readonly times: ReadonlyMap<string, TimeBound>;
  readonly places: readonly JoinPlace[];
  readonly stores: readonly Store[];
  readonly partners: Partners;
  readonly passes: readonly JoinPass[];
  /** Whether the order of rows matters, as it does where several are equally near in time. */
  readonly isOrdered: boolean;
  /** What the watermark means for the rows' times; undefined where nothing bounds the join. */
  readonly bound: TimeBound | undefined;
  readonly explanation: Explanation;
}

export function passRelation(query: string, place: number, rows: Rows): string {
  return `_${rows}_${query}$${place}`;
}

export function joinQuery(options: JoinOptions): Query {
  const { name, columns, places, stores, sources, partners } = options;
  const empty = emptyTable(name, columns);

  const views = (batch: Batch): Sql => {
    const texts = places.flatMap(({ store, final }, place): Sql[] => {
      const none = sql`(FROM ${store.added} WHERE false)`;
      const isFinal = finalCondition(options.bound, final, batch, sources);
      const rows: Readonly<Record<Rows, Sql>> = {
        all: store.now(),
        old: store.before(),
        new: store.added,
        final: isFinal === undefined ? none : sql`(FROM ${store.now()} WHERE ${isFinal})`,
        none,
      };
      return Object.entries(rows).map(
        ([kind, from]) =>
          sql`CREATE OR REPLACE TEMP VIEW ${id(passRelation(name, place, kind as Rows))} AS
            ${options.isOrdered ? store.answer(from) : store.unordered(from)}`,
      );
    });
    return join(texts, ";\n");
  };
  return {
    output: { name, columns, mode: "append", sources, times: options.times },
    key: [],
    states: stores.map(({ state }) => state),
    explanation: options.explanation,
    setup: join([...stores.map(({ setup }) => setup), empty], ";\n"),
    execute: (database, batch, aside) =>
      aside.overRows({
        run: () => pairsOf(database, batch),
        late: partners.late,
        kept: (which) => openKeptIfAny(database, `${name}$${which}`, partners.kept(which)),
      }),
    closedAtEnd: (database) => closedByAll(stores, database),
    commit: (batch) => stores.flatMap((store) => store.commit(batch)),
  };

  async function pairsOf(database: Database, batch: Batch): Promise<number> {
    for (const store of stores) await store.add(database, batch);
    const mayHave = ({ place, rows }: JoinPass["needs"][number]): boolean => {
      if (rows === "new") return (places[place]?.store.addedRows() ?? 0) > 0;
      return rows !== "final" || batch.watermarkBeforeUs(sources) !== batch.watermarkAfterUs(sources);
    };
    const due = options.passes.filter(({ needs }) => needs.every(mayHave));
    if (due.length === 0) {
      await database.run(empty);
      return 0;
    }
    const answers = due.map(({ answer }) => sql`SELECT * FROM (${answer})`);
    return database.runCounting(sql`${views(batch)};
        CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${join(answers, " UNION ALL ")}`);
  }
}

/** The rows that become final in this batch; those without a time do so at the end of the input. */
function finalCondition(
  bound: TimeBound | undefined,
  final: Sql | undefined,
  batch: Batch,
  sources: readonly string[],
): Sql | undefined {
  const [before, after] = [batch.watermarkBeforeUs(sources), batch.watermarkAfterUs(sources)];
  if (before === after) return undefined;
  const isEnd = after === INFINITY_US;
  if (bound === undefined || final === undefined) return isEnd ? raw("true") : undefined;
  const isDue = sql`${final} > ${bound(timestampUs(before))} AND ${final} <= ${bound(timestampUs(after))}`;
  return isEnd ? sql`(${final} IS NULL OR (${isDue}))` : sql`(${isDue})`;
}
