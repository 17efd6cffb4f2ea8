/** Batches of lines to an HTTP server: delivered when it answers 2xx. */

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import { StreamkitError } from "../../base/error.ts";
import { durationMs } from "../../base/units.ts";
import { bytesOf, type OutputKind } from "./output.ts";

const gzipped = promisify(gzip);

const options = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe("where batches are POSTed to"),
  content_type: z.string().default("application/x-ndjson").describe("what the lines are"),
  gzip: z.boolean().default(false).describe("compress what is sent"),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe("further headers of each request: take secrets from ${NAME}"),
  timeout: z
    .string()
    .default("30s")
    .refine((text) => durationMs(text) !== undefined, "must be a duration like 30s")
    .describe("how long an answer may take"),
});

export const httpOutput: OutputKind<z.infer<typeof options>> = {
  name: "http",
  summary: "batches of lines in POSTs; URL `http://HOST:PORT/PATH` or `https://…`",
  options,
  fromUrl: (url) => (/^https?:\/\//.test(url) ? { url } : undefined),
  async open({ url, content_type: contentType, gzip: isCompressed, headers, timeout }) {
    const timeoutMs = durationMs(timeout) ?? 0;
    const closed = new AbortController();
    return {
      name: url.replace(/\/\/[^/@]*@/, "//").replace(/\?.*/, ""),
      async deliver(blocks) {
        const bytes = bytesOf(blocks);
        const response = await fetch(url, {
          method: "POST",
          headers: {
            "content-type": contentType,
            ...(isCompressed && { "content-encoding": "gzip" }),
            ...headers,
          },
          body: new Uint8Array(isCompressed ? await gzipped(bytes) : bytes),
          signal: AbortSignal.any([closed.signal, AbortSignal.timeout(timeoutMs)]),
        });
        const text = await response.text();
        if (response.ok) return;
        throw new StreamkitError(
          "io",
          `the answer is ${response.status} ${text.slice(0, 200).trim()}`.trim(),
        );
      },
      sync: async () => undefined,
      close: async () => closed.abort(),
    };
  },
};
