/** Headers that nobody downstream should see. */

import { z } from "zod";
import type { InterceptorKind } from "./interceptor.ts";
import { patternField, patternOf } from "./pattern.ts";

const options = z
  .strictObject({
    names: z.array(z.string()).default([]).describe("the headers' names"),
    matching: patternField.optional().describe("a pattern of the whole name"),
  })
  .refine(({ names, matching }) => names.length > 0 || matching !== undefined, "names or matching is needed");

export const removeHeaderInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "remove-header",
  summary: "takes headers away, by their names or a pattern",
  options,
  create({ names, matching }) {
    const pattern = matching === undefined ? undefined : patternOf(`^(?:${matching})$`);
    const isRemoved = (name: string): boolean => names.includes(name) || pattern?.test(name) === true;
    return (block) => {
      if (!Object.keys(block.headers).some(isRemoved)) return [block];
      const kept = Object.entries(block.headers).filter(([name]) => !isRemoved(name));
      return [{ ...block, headers: Object.fromEntries(kept) }];
    };
  },
};
