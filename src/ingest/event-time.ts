/** Which column of a source is its event time, and what becomes of it where it is a number. */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { type EpochTime, holdsNumbers, parseTime, type RecordColumn } from "../formats/epoch.ts";
import type { Reading } from "../formats/reading.ts";
import type { SourceConfig } from "../job/schema.ts";

/** Of a source that does not name its event time. */
export const DEFAULT_TIME_COLUMN = "ts";

/** The column of the records that the event time is, or is made of. */
export function timeSource({ time }: SourceConfig): string {
  const { column, epoch } = parseTime(time ?? DEFAULT_TIME_COLUMN);
  return epoch?.column ?? column;
}

/** The event time that is a number: what the job says of it, or what was found in the input. */
export function epochOf(
  { time }: SourceConfig,
  selected: readonly Column[],
  recordColumns: readonly RecordColumn[],
): Reading["epoch"] {
  const { column, epoch } = parseTime(time ?? DEFAULT_TIME_COLUMN);
  const isNamed = (name: string) => (other: Column) => other.name.toLowerCase() === name.toLowerCase();
  if (epoch !== undefined) {
    const found = selected.find(isNamed(epoch.column));
    if (found === undefined) throw noColumn(epoch.column, selected);
    if (!holdsNumbers(found.type))
      throw new StreamkitError(
        "job",
        `time: "${found.name}" is a ${found.type}, and no number: found ${time}`,
      );
    const taken = epoch.as === undefined ? undefined : selected.find(isNamed(epoch.as));
    if (taken !== undefined)
      throw new StreamkitError("job", `time: there is a column "${taken.name}" already: found ${time}`);
    return { time: { ...epoch, column: found.name }, type: found.type };
  }
  const unit = recordColumns.find(isNamed(column))?.epoch;
  const found = selected.find(isNamed(column));
  // A projection may have made a time of it already.
  if (unit === undefined || found === undefined || !holdsNumbers(found.type)) return undefined;
  const foundTime: EpochTime = { column: found.name, unit, isFound: true };
  return { time: foundTime, type: found.type };
}

function noColumn(name: string, columns: readonly Column[]): StreamkitError {
  const names = columns.map((column) => column.name).join(", ");
  return new StreamkitError("job", `there is no column "${name}": found ${names}`);
}

export function timeColumnOf(config: SourceConfig, columns: readonly Column[]): string | undefined {
  const wanted = parseTime(config.time ?? DEFAULT_TIME_COLUMN).column;
  const named = (name: string): Column | undefined =>
    columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  const column = named(wanted) ?? (config.time === undefined ? named(config.received ?? "") : undefined);
  if (column === undefined) {
    if (config.time === undefined) return undefined;
    throw noColumn(wanted, columns);
  }
  if (/^(?:TIMESTAMP|DATE)/.test(column.type)) return column.name;
  if (config.time === undefined) return undefined;
  throw new StreamkitError(
    "job",
    `the event-time column "${wanted}" is a ${column.type}: make it a TIMESTAMP, by schema or select` +
      (holdsNumbers(column.type) ? `, or say what its numbers are, as in time: epoch_ms(${wanted})` : ""),
  );
}
