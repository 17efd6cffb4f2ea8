/** Names of time zones: the IANA database that DuckDB has inside. */

import { StreamkitError } from "../base/error.ts";
import { nearestOf } from "../base/nearest.ts";
import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";
import type { Format, Shape } from "../formats/format.ts";

/** Throws code `job` where there is no zone of this name, with the one that was probably meant. */
export async function checkTimezone(database: Database, zone: string | undefined): Promise<void> {
  if (zone === undefined) return;
  const rows = await database.rows(sql`SELECT name FROM pg_timezone_names() ORDER BY name`);
  const names = rows.map((row) => String(row["name"]));
  if (names.includes(zone)) return;
  const meant = meantZone(zone, names);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new StreamkitError(
    "job",
    `an IANA time zone like "Europe/Berlin" is expected, found ${JSON.stringify(zone)}${hint}`,
  );
}

/**
 * Whether the zone changes how a record is read. It does not where no column is a time, where all times of
 * the format have an offset, and where they are no texts.
 */
export function readsByTimezone(format: Format, shape: Shape): boolean {
  if (format.readSlices !== undefined) return false;
  const header = shape.columns.map(({ name }) => name);
  const readers = [format.read, format.exact?.read, format.readTolerantly].filter(
    (read) => read !== undefined,
  );
  const textsIn = (timezone: string | undefined): string =>
    readers.map((read) => read("", { ...shape, header, timezone }).text).join("\n");
  return textsIn(shape.timezone) !== textsIn(undefined);
}

/** `europe/berlin`, `Berlin` and `Berln` mean Europe/Berlin, `New York` America/New_York. */
function meantZone(zone: string, names: readonly string[]): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, "");
  const ending = (city: string): string | undefined => names.find((name) => plain(name).endsWith(`/${city}`));
  const wanted = plain(zone);
  const cities = names.flatMap((name) =>
    name.includes("/") ? [plain(name.slice(name.lastIndexOf("/") + 1))] : [],
  );
  return (
    names.find((name) => plain(name) === wanted) ??
    ending(wanted) ??
    nearestOf(zone, names) ??
    ending(nearestOf(wanted, cities) ?? "")
  );
}
