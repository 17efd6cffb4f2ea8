/** On which machine a block was collected. */

import { z } from "zod";
import { type InterceptorKind, withHeaders } from "./interceptor.ts";

const options = z.strictObject({
  header: z.string().min(1).default("host").describe("the header's name"),
  address: z.boolean().default(false).describe("the IP address in place of the name"),
  keep: z.boolean().default(false).describe("leave a host that is there already as it is"),
});

export const hostInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "host",
  summary: "adds the name or the address of this machine",
  options,
  create:
    ({ header, address, keep }, { host }) =>
    (block) =>
      withHeaders(block, { [header]: address ? host.address : host.name }, keep),
};
