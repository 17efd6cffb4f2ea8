/** `HOST:PORT` as an option. */

import { z } from "zod";
import { StreamkitError } from "../../base/error.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const FORM = /^(\[[^\]]+\]|[^:[\]/]*):(\d{1,5})$/;

/** Left out, the host is every address of the machine's. */
export const listenField = z
  .string()
  .refine((text) => addressOf(text) !== undefined, "must be HOST:PORT, like 127.0.0.1:5140")
  .describe("`HOST:PORT` to listen at; port 0 is any free one");

function addressOf(text: string): Address | undefined {
  const found = FORM.exec(text);
  const port = Number(found?.[2] ?? Number.NaN);
  if (found === null || port > 65_535) return undefined;
  const host = (found[1] ?? "").replaceAll(/[[\]]/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/** Of an option that was checked. */
export function checkedAddress(text: string): Address {
  const address = addressOf(text);
  if (address === undefined) throw new StreamkitError("bug", `"${text}" was not checked`);
  return address;
}

/** `SCHEME://HOST:PORT`; undefined where the scheme is another. Throws code `usage` for what is not so. */
export function listenOf(url: string, scheme: string): string | undefined {
  if (!url.startsWith(`${scheme}:`)) return undefined;
  const rest = url
    .slice(scheme.length + 1)
    .replace(/^\/\//, "")
    .replace(/\/$/, "");
  if (addressOf(rest) !== undefined) return rest;
  throw new StreamkitError("usage", `${scheme}://HOST:PORT is expected, found "${url}"`);
}

export function urlOf(scheme: string, { host, port }: Address): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
