/**
 * Who may talk to the server. A page on a foreign site must not read a dashboard on the same machine: neither
 * from its own origin, nor by a name of its own that it lets point to 127.0.0.1 (DNS rebinding).
 */

/** True where only this machine reaches `host`. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Why a request is refused, as a sentence; undefined where it may pass. */
export function refusal(headers: Headers, boundHost: string): string | undefined {
  const host = headers.get("host") ?? "";
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (isLoopback(boundHost) && !isLoopback(name)) {
    return `This server answers to localhost only: found the host "${host}"`;
  }
  const origin = headers.get("origin");
  if (origin !== null && originHost(origin) !== host.toLowerCase()) {
    return `This server answers to its own page only: found the origin "${origin}"`;
  }
  return undefined;
}

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
