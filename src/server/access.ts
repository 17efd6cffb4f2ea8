/**
 * Who may talk to the server. A page on a foreign site must not read a dashboard on the same machine: neither
 * from its own origin, nor by a name of its own that it lets point to 127.0.0.1 (DNS rebinding).
 */

import { isAddress, isLoopback } from "../base/loopback.ts";
import { isSameSecret, proofOf } from "../base/secret.ts";

export interface Access {
  /** The address that is listened at. */
  readonly host: string;
  /** What a request must show; undefined where none is asked for. */
  readonly token?: string | undefined;
  /** Names by which the server may be asked, beside its address and this machine's own names. */
  readonly allowedHosts?: readonly string[];
}

/** Why a request is refused, as a sentence; undefined where it may pass. */
export function refusal(
  headers: Headers,
  { host: boundHost, allowedHosts = [] }: Access,
): string | undefined {
  const host = headers.get("host") ?? "";
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const isKnown = isLoopback(name) || name === boundHost || allowedHosts.includes(name);
  if (!isKnown && isLoopback(boundHost))
    return `This server answers to localhost only: found the host "${host}"`;
  if (!isKnown && !isAddress(name))
    return `This server does not answer to the host "${host}": --allow-host ${name || "NAME"} lets it`;
  const origin = headers.get("origin");
  if (origin !== null && originHost(origin) !== host.toLowerCase()) {
    return `This server answers to its own page only: found the origin "${origin}"`;
  }
  return undefined;
}

const COOKIE = "streamkit_access";

/** Whether a request shows the token, or what a page got for it. */
export function isAuthorized(headers: Headers, { token }: Access): boolean {
  if (token === undefined) return true;
  const bearer = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) return isSameSecret(bearer, token);
  const cookie = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(headers.get("cookie") ?? "")?.[1];
  return cookie !== undefined && isSameSecret(cookie, proofOf(token));
}

/**
 * The cookie for a page that was opened with `?token=…`, which then needs it no more: the token shall not
 * stay in the address. Undefined where the token is wrong, or none is shown or asked for.
 */
export function cookieFor(url: URL, { token }: Access): string | undefined {
  const shown = url.searchParams.get("token");
  if (token === undefined || shown === null || !isSameSecret(shown, token)) return undefined;
  return `${COOKIE}=${proofOf(token)}; Path=/; HttpOnly; SameSite=Strict`;
}

export const TOKEN_WANTED =
  "This server asks for its token: open the page with ?token=…, or send Authorization: Bearer …";

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/**
 * Nothing from elsewhere, nothing inline: the page works offline and shows what the server says and no more.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
