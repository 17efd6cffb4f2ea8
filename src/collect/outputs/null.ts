/** Nowhere: everything is taken and forgotten. */

import { z } from "zod";
import type { OutputKind } from "./output.ts";

const options = z.strictObject({});

export const nullOutput: OutputKind<z.infer<typeof options>> = {
  name: "null",
  summary: "takes everything and keeps nothing; URL `null:`",
  options,
  fromUrl: (url) => (url === "null:" ? {} : undefined),
  open: async () => ({
    name: "null:",
    deliver: async () => {},
    sync: async () => undefined,
    close: async () => {},
  }),
};
