/** A name for each event that no other has. Each event is a block of its own then: it costs speed. */

import { z } from "zod";
import { endsOf, runsOf } from "./events.ts";
import type { InterceptorKind } from "./interceptor.ts";

const options = z.strictObject({
  header: z.string().min(1).default("id").describe("the header's name"),
  prefix: z.string().default("").describe("what each begins with"),
  keep: z.boolean().default(true).describe("leave an id that is there already as it is"),
});

export const uuidInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "uuid",
  summary: "gives each event a random UUID",
  options,
  create: ({ header, prefix, keep }, { uuid }) => {
    return (block) => {
      if (keep && block.headers[header] !== undefined) return [block];
      const keys = Array.from(endsOf(block), () => `${prefix}${uuid()}`);
      return runsOf(block, keys, (key) => ({ ...block.headers, [header]: key }));
    };
  },
};
