/** TLS as an option of inputs that listen. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { messageOf, StreamkitError } from "../../base/error.ts";
import type { ServerKeys } from "../../runtime/http.ts";

const file = z.string().min(1);

export const tlsField = z
  .strictObject({
    certificate: file.describe("file of the certificate and those between it and its authority, PEM"),
    key: file.describe("file of its private key, PEM"),
  })
  .optional()
  .describe("takes connections with TLS alone: `certificate` and `key` are files of PEM");

/** Read once, when it begins to listen. Throws code `io`, naming the file. */
export function keysOf(tls: z.infer<typeof tlsField>, baseFolder: string): ServerKeys | undefined {
  if (tls === undefined) return undefined;
  const read = (name: string): string => {
    try {
      return readFileSync(path.resolve(baseFolder, name), "utf8");
    } catch (cause) {
      throw new StreamkitError("io", `tls: "${name}" can't be read: ${messageOf(cause)}`, { cause });
    }
  };
  return { cert: read(tls.certificate), key: read(tls.key) };
}
