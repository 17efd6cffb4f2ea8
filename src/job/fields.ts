/**
 * Values of job files that are written as text: durations and names. Each says what it takes when it is
 * wrong.
 */

import path from "node:path";
import { z } from "zod";
import { durationMs, sizeBytes, timeMs } from "../base/units.ts";

/** `5s`, `250ms`, `2h` or the number 0 → milliseconds. */
export const durationField = z
  .union([z.string(), z.number()])
  .meta({ format: "duration" })
  .transform((value, context) => {
    const parsed = durationMs(String(value));
    if (parsed === undefined) return refuse(context, `a duration like 250ms, 5s, 1m or 2h is expected`);
    return parsed;
  });

/** An ISO 8601 time → milliseconds since 1970. */
export const timeField = z
  .string("a time like 2026-01-05T14:30:00Z is expected")
  .transform(
    (text, context) => timeMs(text) ?? refuse(context, "a time like 2026-01-05T14:30:00Z is expected"),
  );

/** `64KiB`, `10MB` or a number of bytes. */
export const sizeField = z
  .union([z.string(), z.number()])
  .meta({ format: "size" })
  .transform((value, context) => {
    const parsed = sizeBytes(String(value));
    if (parsed === undefined || parsed === 0) return refuse(context, `a size like 64KiB or 10MB is expected`);
    return parsed;
  });

/** `50%` → 0.5, or `off`. */
export const shareField = z.string("a share like 50% is expected, or off").transform((text, context) => {
  if (text === "off") return text;
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1] ?? Number.NaN);
  return percent >= 0 && percent <= 100
    ? percent / 100
    : refuse(context, "a share like 50% is expected, or off");
});

/** What sources, tables and queries are called: a plain SQL name, so that queries need no quotes. */
export const nameField = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]*$/, "a name of letters, digits and _ that starts with a letter is expected");

/**
 * What a job is called: in names of files and groups, not in SQL. A dot and a number at the end would be
 * taken for a partition of a job that processes share.
 */
export const jobNameField = z
  .string()
  .regex(
    /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/,
    "a name of letters, digits, _, - and . that starts with a letter is expected",
  )
  .regex(/^(?!.*\.\d+$)/, "a name that does not end with a dot and a number is expected");

/** What a job is called that gives no name: as its file, with `_` for what `jobNameField` does not take. */
export function nameOfFile(file: string): string {
  const name = path
    .basename(file, path.extname(file))
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "_")
    .replace(/[.-]+$/, "")
    .replace(/\.(\d+)$/, "_$1");
  return /^[A-Za-z]/.test(name) ? name : `job_${name}`.replace(/_+$/, "");
}

/** One character; `tab` and `\t` are what people can type. */
export const delimiterField = z
  .string()
  .transform((text) => (/^(?:tab|\\t)$/i.test(text) ? "\t" : text))
  .refine((text) => /^[^"\r\n]$/.test(text), "one character is expected that is no quote, or tab");

function refuse(context: z.core.$RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}
