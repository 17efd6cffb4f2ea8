/** `HOST:PORT` as an option. */

import { z } from "zod";
import { StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { isLoopback } from "../../base/loopback.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const FORM = /^(\[[^\]]+\]|[^:[\]/\s]+):(\d{1,5})$/;

/** An empty host, as an unset variable leaves it, must not mean every address. */
export const listenField = z
  .string()
  .refine(
    (text) => addressOf(text) !== undefined,
    "must be HOST:PORT, like 127.0.0.1:5140; every address is 0.0.0.0",
  )
  .describe("`HOST:PORT` to listen at; port 0 is any free one");

function addressOf(text: string): Address | undefined {
  const found = FORM.exec(text);
  const port = Number(found?.[2] ?? Number.NaN);
  if (found === null || port > 65_535) return undefined;
  return { host: (found[1] ?? "").replaceAll(/[[\]]/g, ""), port };
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

/** Loudly, where other machines can send: TCP and syslog have no way to ask who it is. */
export function warnOfStrangers(url: string, { host }: Address, token?: string): void {
  if (isLoopback(host) || token !== undefined) return;
  logger("collect").warn(
    `${url} is open beyond this machine: everybody who reaches it can send events, without a token`,
  );
}
