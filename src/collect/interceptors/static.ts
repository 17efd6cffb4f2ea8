/** Headers that are the same for every event. */

import { z } from "zod";
import { type InterceptorKind, withHeaders } from "./interceptor.ts";

const options = z.strictObject({
  headers: z.record(z.string().min(1), z.string()).describe("names and values"),
  keep: z.boolean().default(true).describe("leave a header that is there already as it is"),
});

export const staticInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "static",
  summary: "adds headers that are the same for every event",
  options,
  create:
    ({ headers, keep }) =>
    (block) =>
      withHeaders(block, headers, keep),
};
