/**
 * The names of partition folders, as Hive writes and reads them: `dt=2026-01-05/city=New York`. Spark, Hive
 * and `MSCK REPAIR` compare these names letter by letter, so that another escaping of the same value would be
 * another partition to them.
 */

/** NULL, and what can't be told from it: the empty text. */
export const NULL_VALUE = "__HIVE_DEFAULT_PARTITION__";

/** What Hive escapes: control characters and these, but no space and no letter of any tongue. */
const ESCAPED = /[\p{Cc}"#%'*/:=?\\{[\]^]/gu;
/** Control characters from here on are ISO 8859's, which Hive leaves alone. */
const FIRST_LEFT_ALONE = "\u0080";

/** `a/b` → `a%2Fb`. A value of null or "" becomes `__HIVE_DEFAULT_PARTITION__`. */
export function escapeValue(value: string | null): string {
  if (value === null || value === "") return NULL_VALUE;
  return value.replaceAll(ESCAPED, percent);
}

/**
 * The value that a folder's name stands for; `%` without two hexadecimal digits is itself, as in Hive. Others
 * escape letters beyond ASCII too, as the bytes of their UTF-8.
 */
export function unescapeValue(text: string): string | null {
  if (text === NULL_VALUE) return null;
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll("%", ""), "hex");
    const letters = bytes.toString("utf8");
    return letters.includes("\uFFFD") ? bytes.toString("latin1") : letters;
  });
}

/** `dt=2026-01-05/hour=09`; "" without columns. */
export function partitionPath(columns: readonly string[], values: readonly (string | null)[]): string {
  return columns.map((name, index) => `${escapeValue(name)}=${escapeValue(values[index] ?? null)}`).join("/");
}

/** What file systems take for one name, HDFS among them. */
export const MAX_FOLDER_BYTES = 255;

/** The first folder of a partition's path whose name no file system takes; undefined where there is none. */
export function tooLongFolder(path: string): string | undefined {
  return path.split("/").find((folder) => Buffer.byteLength(folder) > MAX_FOLDER_BYTES);
}

/** The values in a path's `name=value` folders, by name; folders that are none are passed over. */
export function valuesOfPath(path: string): ReadonlyMap<string, string | null> {
  return new Map(
    path.split("/").flatMap((folder): [string, string | null][] => {
      const at = folder.indexOf("=");
      return at <= 0 ? [] : [[unescapeValue(folder.slice(0, at)) ?? "", unescapeValue(folder.slice(at + 1))]];
    }),
  );
}

function percent(character: string): string {
  if (character >= FIRST_LEFT_ALONE) return character;
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
