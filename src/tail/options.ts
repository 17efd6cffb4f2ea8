/** What can be said of files to follow, in a job and on the command line. */

import { z } from "zod";
import { sizeField } from "../job/fields.ts";
import { lineEncoding } from "./encoding.ts";
import type { CutOptions } from "./line-cut.ts";
import { openMultiline } from "./multiline.ts";

export const tailFields = {
  path: z
    .union([z.string(), z.array(z.string()).min(1)])
    .describe("a file or a glob like `/var/log/nginx/*.log`, or a list of them; rotated files may match too"),
  from: z
    .enum(["start", "end"])
    .default("start")
    .describe("where files are begun that are there on the first start; later ones always at their start"),
  encoding: z
    .string()
    .optional()
    .describe("what the files are written in, like `utf-16le` or `latin1`; bytes as they are if left out"),
  max_line: sizeField
    .default(1_048_576)
    .describe("a longer line is cut there, marked and counted; `1MiB` if left out"),
  multiline: z
    .union([z.strictObject({ starts: z.string() }), z.strictObject({ continues: z.string() })], {
      error: "{starts: REGEX} or {continues: REGEX} is expected",
    })
    .optional()
    .describe(
      "events of several lines: `{starts: REGEX}`, a line that matches begins one, or " +
        "`{continues: REGEX}`, a line that matches belongs to the one before",
    ),
};

const tailSettings = z.strictObject(tailFields);
export type TailSettings = z.output<typeof tailSettings>;

/** Throws code `job` where the encoding or the pattern is none. */
export function cutOptionsOf(
  options: Pick<TailSettings, "max_line"> & Partial<Pick<TailSettings, "encoding" | "multiline">>,
): CutOptions {
  return {
    encoding: lineEncoding(options.encoding),
    maxLineBytes: options.max_line,
    multiline: openMultiline(options.multiline ?? {}),
  };
}
