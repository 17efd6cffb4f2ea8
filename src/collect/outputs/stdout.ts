/** The standard output. */

import { z } from "zod";
import type { OutputKind } from "./output.ts";

const options = z.strictObject({});

export const stdoutOutput: OutputKind<z.infer<typeof options>> = {
  name: "stdout",
  summary: "the standard output; URL `-`",
  options,
  fromUrl: (url) => (url === "-" ? {} : undefined),
  open: async (_options, { stdout }) => ({
    name: "-",
    async deliver(blocks) {
      for (const { bytes } of blocks) await stdout.send(bytes);
    },
    sync: async () => undefined,
    close: async () => {},
  }),
};
