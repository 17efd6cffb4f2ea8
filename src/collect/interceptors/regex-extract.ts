/** Parts of an event's text as its headers. */

import { z } from "zod";
import { eachText, runsOf } from "./events.ts";
import type { Headers, InterceptorKind } from "./interceptor.ts";
import { patternField, patternOf } from "./pattern.ts";

const options = z.strictObject({
  pattern: patternField.describe("with named groups, which become headers: `(?<level>[A-Z]+)`"),
  groups: z
    .array(z.string().min(1))
    .default([])
    .describe("names for the groups by their order, where the pattern has none"),
});

export const regexExtractInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "regex-extract",
  summary: "makes headers of what the groups of a pattern find",
  options,
  create({ pattern: text, groups }) {
    const pattern = patternOf(text);
    const headersIn = (event: string): Headers => {
      const found = pattern.exec(event);
      if (found === null) return NONE;
      const byOrder = groups.map((name, index) => [name, found[index + 1]] as const);
      const all = [...byOrder, ...Object.entries(found.groups ?? {})];
      return Object.fromEntries(all.filter(([, value]) => value !== undefined)) as Headers;
    };
    return (block) => {
      const keys: string[] = [];
      eachText(block, (event) => keys.push(JSON.stringify(headersIn(event))));
      return runsOf(block, keys, (key) => ({ ...block.headers, ...(JSON.parse(key) as Headers) }));
    };
  },
};

const NONE: Headers = {};
