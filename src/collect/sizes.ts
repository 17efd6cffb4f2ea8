/** `64MiB`, `10MB` as bytes. */

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Undefined where the text is no size. */
export function sizeBytes(text: string | number): number | undefined {
  if (typeof text === "number") return text;
  const found = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = found?.[2] === "" ? 1 : UNITS[found?.[2]?.toUpperCase() ?? ""];
  return found === null || unit === undefined ? undefined : Math.floor(Number(found[1]) * unit);
}
