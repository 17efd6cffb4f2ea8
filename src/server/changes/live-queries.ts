/**
 * All queries that are watched, as logs of their changes, and the topics that are read of them. A reader is
 * told that there is something new, and takes it when it can: nobody's queue grows.
 */

import type { Hub } from "../hub.ts";
import type { Delta, TableDelta } from "../protocol.ts";
import { type ChangeLog, LOG_BOUNDS, type LogBounds, openChangeLog } from "./change-log.ts";
import { filterText, type KeyFilter, openTopic, type Topic } from "./topic.ts";

export interface LiveQueries {
  /** The hub's, by which a reader knows whether its numbers still count. */
  readonly instance: string;
  readonly logs: ReadonlyMap<string, ChangeLog>;
  readonly hub: Hub;
  /** The topic of the query; all readers of the same rows share it. `release` must be called once. */
  topic(
    query: string,
    filter: KeyFilter,
  ): { readonly topic: Topic; readonly release: () => void } | undefined;
  /** Calls `changed` after each batch. Returns the function that ends it. */
  listen(changed: () => void): () => void;
  close(): void;
}

interface SharedTopic {
  readonly topic: Topic;
  readers: number;
}

/** Of all queries' rows together, about. */
const MAX_CHARS = 16 * 2 ** 20;

export function openLiveQueries(hub: Hub, bounds: LogBounds = LOG_BOUNDS): LiveQueries {
  const logs = new Map<string, ChangeLog>();
  const topics = new Map<string, SharedTopic>();
  const listeners = new Set<() => void>();
  let lastTopic = 0;

  function apply(batch: number, table: TableDelta): void {
    let log = logs.get(table.query);
    if (log === undefined) {
      // As many as the hub keeps.
      if (!hub.state.tables.has(table.query)) return;
      log = openChangeLog(table, bounds);
      logs.set(table.query, log);
    }
    log.apply(batch, table);
  }

  function hear(delta: Delta): void {
    if (delta.kind !== "feed") {
      for (const table of delta.tables) apply(delta.kind === "batch" ? delta.report.batch : 0, table);
      shrink();
    }
    for (const changed of listeners) changed();
  }

  function shrink(): void {
    let excess = [...logs.values()].reduce((sum, log) => sum + log.chars, -MAX_CHARS);
    for (const log of [...logs.values()].toSorted((a, b) => b.chars - a.chars)) {
      if (excess <= 0) return;
      const before = log.chars;
      log.shrinkTo(Math.max(0, before - excess));
      excess -= before - log.chars;
    }
  }

  for (const table of hub.state.tables.values())
    apply(0, { ...table, rows: [...table.rows.values()], deleted: [] });
  const leave = hub.listen(hear);

  return {
    instance: hub.instance,
    hub,
    logs,
    topic(query, filter) {
      const log = logs.get(query);
      if (log === undefined) return undefined;
      const name = JSON.stringify([query, filterText(filter)]);
      let shared = topics.get(name);
      if (shared === undefined) {
        lastTopic += 1;
        shared = { topic: openTopic(lastTopic, log, filter), readers: 0 };
        topics.set(name, shared);
      }
      const held = shared;
      held.readers += 1;
      return {
        topic: held.topic,
        release() {
          held.readers -= 1;
          if (held.readers === 0) topics.delete(name);
        },
      };
    },
    listen(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    close() {
      leave();
      listeners.clear();
    },
  };
}
