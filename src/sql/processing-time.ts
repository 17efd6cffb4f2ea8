/**
 * A source may have two times: its event time, and the time of the batch that took a row (`received`). Each
 * has a watermark of its own: the second one's is called after the source's clock, and moves with each batch.
 * A query goes by one of them for each stream that it reads: by what its windows are over.
 */

import { raw, type Sql, sql } from "../duckdb/sql.ts";
import { refusal } from "./refusals.ts";
import type { Stream, TimeBound } from "./stream.ts";
import type { WindowCall } from "./windows.ts";

/** What a source's clock is called among the sources that a watermark is of; no source's name has a dot. */
export function processingTimeOf(source: string): string {
  return `${source}.clock`;
}

/** Whether this is the clock of a source, or of one of them. */
export function isProcessingTime(name: string): boolean {
  return name.endsWith(".clock");
}

/**
 * For a column of the clock's time. By the event time's watermark nothing is known of it until the end: who
 * goes by the clock takes `onOneTime`.
 */
export function processingTimeBound(source: string): TimeBound {
  const bound = (watermark: Sql): Sql =>
    sql`CASE WHEN isinf(${watermark}) AND ${watermark} > ${raw("'epoch'::TIMESTAMP")} THEN ${watermark}
      ELSE '-infinity'::TIMESTAMP END`;
  return Object.assign(bound, { clock: processingTimeOf(source) });
}

/**
 * The stream with the one time that these windows over it are by: its event times or its clock's. Throws code
 * `job` where they are by both.
 */
export function onOneTime(stream: Stream, windows: readonly WindowCall[]): Stream {
  const timeOf = ({ timeColumn }: WindowCall) =>
    [...stream.times].find(([name]) => name.toLowerCase() === timeColumn.toLowerCase());
  const clocked = windows.flatMap((window) => {
    const time = timeOf(window);
    return time?.[1].clock === undefined ? [] : [time];
  });
  const [first] = clocked;
  const byEvent = new Map([...stream.times].filter(([, { clock }]) => clock === undefined));
  if (first === undefined) return { ...stream, times: byEvent };
  if (clocked.length < windows.length)
    throw refusal(
      `its windows over ${stream.name} go by two times: the event time, and the clock's`,
      "split it into two queries",
    );
  return byClock(stream, clocked);
}

/** A stream all of whose times are the clock's goes by the clock. */
export function onItsTime(stream: Stream): Stream {
  const times = [...stream.times];
  return times.length > 0 && times.every(([, { clock }]) => clock !== undefined)
    ? byClock(stream, times)
    : stream;
}

function byClock(stream: Stream, times: readonly (readonly [string, TimeBound])[]): Stream {
  return {
    ...stream,
    sources: [...new Set(times.flatMap(([, { clock }]) => clock ?? []))],
    times: new Map(times.map(([name]) => [name, (watermark: Sql) => watermark])),
  };
}
