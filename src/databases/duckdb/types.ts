/** Which columns of a DuckDB table hold every value of a query's type. */

/** Bits, and whether there is a sign. */
const INTEGERS: Readonly<Record<string, readonly [bits: number, isSigned: boolean, digits: number]>> = {
  TINYINT: [8, true, 3],
  UTINYINT: [8, false, 3],
  SMALLINT: [16, true, 5],
  USMALLINT: [16, false, 5],
  INTEGER: [32, true, 10],
  UINTEGER: [32, false, 10],
  BIGINT: [64, true, 19],
  UBIGINT: [64, false, 20],
  HUGEINT: [128, true, 39],
  UHUGEINT: [128, false, 39],
};

/** Values of the keys' types are exact in these. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  FLOAT: ["DOUBLE"],
  TIMESTAMP_S: ["TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"],
  TIMESTAMP_MS: ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE"],
  TIMESTAMP: ["TIMESTAMP WITH TIME ZONE"],
};

export function fitsInto(type: string, column: string): boolean {
  if (type === column) return true;
  if (column === "VARCHAR") return type !== "BLOB";
  // A text that is none of its values is a row that is refused.
  if (column.startsWith("ENUM(")) return type === "VARCHAR";
  const [whole, decimals] = digitsOf(type) ?? [];
  const decimal = decimalOf(column);
  if (whole !== undefined && decimals !== undefined && decimal !== undefined)
    return decimal[0] >= whole && decimal[1] >= decimals;
  const [into, from] = [INTEGERS[column], INTEGERS[type]];
  if (into !== undefined && from !== undefined)
    return from[1] === into[1] ? into[0] >= from[0] : into[1] && into[0] > from[0];
  if (into !== undefined && decimals === 0 && whole !== undefined) return into[1] && whole < into[2];
  if (from !== undefined && (column === "DOUBLE" || column === "FLOAT"))
    return from[0] <= (column === "DOUBLE" ? 32 : 16);
  return WIDER[type]?.includes(column) === true;
}

/** Digits before and behind the point. */
function digitsOf(type: string): readonly [whole: number, decimals: number] | undefined {
  const integer = INTEGERS[type];
  return integer === undefined ? decimalOf(type) : [integer[2], 0];
}

function decimalOf(type: string): readonly [whole: number, decimals: number] | undefined {
  const match = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  return match === null ? undefined : [Number(match[1]) - Number(match[2]), Number(match[2])];
}
