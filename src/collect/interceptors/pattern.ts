/** Patterns as options: JavaScript's, and what Java's have beside it at the start. */

import { z } from "zod";
import { messageOf } from "../../base/error.ts";

/** `(?i)` and the like at the start, as Java writes flags. */
const FLAGS = /^\(\?([ims]+)\)/;

/** Throws a SyntaxError that says what is wrong. */
export function patternOf(text: string, flags = ""): RegExp {
  const found = FLAGS.exec(text);
  const body = found === null ? text : text.slice(found[0].length);
  return new RegExp(body.replaceAll("(?P<", "(?<"), `${found?.[1] ?? ""}${flags}`);
}

export const patternField = z.string().superRefine((text, context) => {
  try {
    patternOf(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: `is no pattern: ${messageOf(error)}` });
  }
});
