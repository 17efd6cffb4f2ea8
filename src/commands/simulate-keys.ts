/** What keys a simulated line as a message: its symbol, or the client of a request. */

import type { LineKey } from "../kafka/line-output.ts";
import type { SimulateSettings } from "../simulate/options.ts";

/** Lines that were broken on purpose may have none. */
export function lineKeyOf({ kind, format }: Pick<SimulateSettings, "kind" | "format">): LineKey {
  if (kind === "access-log") return { keyBetween: ["", " "] };
  if (format !== "csv") return { keyBetween: ['"symbol":"', '"'] };
  // In CSV a quote's symbol is its second value, and a trade's its third.
  return kind === "quotes" ? { keyBetween: [",", ","] } : { keysOf: (lines) => valuesAt(2, lines) };
}

function valuesAt(place: number, lines: Uint8Array): { bytes: Uint8Array; lengths: Int32Array } {
  const texts = Buffer.from(lines).toString("utf8").split("\n").slice(0, -1);
  const keys = texts.map((text) => text.split(",")[place]);
  const lengths = Int32Array.from(keys, (key) => (key === undefined ? -1 : Buffer.byteLength(key)));
  return { bytes: Buffer.from(keys.join("")), lengths };
}
