/** Events that go on, and those that don't. */

import { z } from "zod";
import { eachText, runsOf } from "./events.ts";
import type { InterceptorKind } from "./interceptor.ts";
import { patternField, patternOf } from "./pattern.ts";

const options = z
  .strictObject({
    include: patternField.optional().describe("events in which the pattern is found go on"),
    exclude: patternField.optional().describe("events in which the pattern is found don't"),
  })
  .refine(({ include, exclude }) => (include ?? exclude) !== undefined, "include or exclude is needed");

export const filterInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "filter",
  summary: "lets only events go on that match a pattern, or that don't",
  options,
  create({ include, exclude }) {
    const [wanted, unwanted] = [include, exclude].map((text) =>
      text === undefined ? undefined : patternOf(text),
    );
    return (block) => {
      const keys: (string | undefined)[] = [];
      eachText(block, (text) => {
        const isKept = wanted?.test(text) !== false && unwanted?.test(text) !== true;
        keys.push(isKept ? "kept" : undefined);
      });
      return runsOf(block, keys, () => block.headers);
    };
  },
};
