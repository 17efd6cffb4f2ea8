/** Batches of lines to an HTTP server: delivered when it answers 2xx. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import { answerText } from "../../base/answer-text.ts";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { durationMs } from "../../base/units.ts";
import { trusting } from "../../runtime/trust.ts";
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
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("file of the authorities to trust over https, PEM; the system's if left out"),
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
  async open({ url, content_type: contentType, gzip: isCompressed, headers, ca, timeout }, { baseFolder }) {
    const trust = ca === undefined ? {} : trusting(authorities(path.resolve(baseFolder, ca)));
    const timeoutMs = durationMs(timeout) ?? 0;
    const closed = new AbortController();
    return {
      name: url.replace(/\/\/[^/@]*@/, "//").replace(/\?.*/, ""),
      async deliver(blocks) {
        const bytes = bytesOf(blocks);
        const response = await fetch(url, {
          ...trust,
          method: "POST",
          headers: {
            "content-type": contentType,
            ...(isCompressed && { "content-encoding": "gzip" }),
            ...headers,
          },
          body: new Uint8Array(isCompressed ? await gzipped(bytes) : bytes),
          signal: AbortSignal.any([closed.signal, AbortSignal.timeout(timeoutMs)]),
        }).catch((error: unknown) => {
          throw withReason(error);
        });
        const text = await answerText(response);
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

function authorities(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new StreamkitError("io", `ca: "${file}" can't be read: ${messageOf(cause)}`, { cause });
  }
}

/** Deno says "fetch failed" of everything, and why only beside it. */
function withReason(error: unknown): unknown {
  const { cause } = error as { readonly cause?: unknown };
  if (!(cause instanceof Error)) return error;
  return new StreamkitError("io", `${messageOf(error)}: ${cause.message}`, { cause: error });
}
