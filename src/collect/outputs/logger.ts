/** Each event as a line of the log, with its headers: to see what a pipeline does. */

import { z } from "zod";
import { logger } from "../../base/log.ts";
import { eventsOf, type OutputKind } from "./output.ts";

const options = z.strictObject({
  max_bytes: z.int().min(1).default(200).describe("how much of each event is shown"),
});

export const loggerOutput: OutputKind<z.infer<typeof options>> = {
  name: "logger",
  summary: "each event with its headers in the log on stderr; URL `logger:`",
  options,
  fromUrl: (url) => (url === "logger:" ? {} : undefined),
  async open({ max_bytes: maxBytes }) {
    const log = logger("event");
    return {
      name: "logger:",
      async deliver(blocks) {
        for (const block of blocks) {
          const headers = JSON.stringify(block.headers);
          for (const event of eventsOf(block)) {
            // As a value: braces in a message are the logger's.
            const text = `${headers} ${shown(event, maxBytes)}`;
            log.info("event {text}", { text });
          }
        }
      },
      sync: async () => undefined,
      close: async () => {},
    };
  },
};

function shown(event: Uint8Array, maxBytes: number): string {
  const text = Buffer.from(event.subarray(0, maxBytes)).toString("utf8");
  return event.length > maxBytes ? `${text}… (${event.length} bytes)` : text;
}
