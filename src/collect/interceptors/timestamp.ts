/** When a block was collected. */

import { z } from "zod";
import { type InterceptorKind, withHeaders } from "./interceptor.ts";

const options = z.strictObject({
  header: z.string().min(1).default("timestamp").describe("the header's name"),
  keep: z.boolean().default(false).describe("leave a time that is there already as it is"),
});

export const timestampInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "timestamp",
  summary: "adds the time of collecting, in milliseconds since 1970",
  options,
  create:
    ({ header, keep }, { clock }) =>
    (block) =>
      withHeaders(block, { [header]: String(Math.floor(clock.nowMs())) }, keep),
};
