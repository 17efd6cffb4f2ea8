/** Hosts and addresses, as far as it matters who can reach them. */

import { isIP } from "node:net";

/** True where only this machine reaches `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || withoutBrackets(host) === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** An address, which no page of a foreign site can let a name of its own point to. */
export function isAddress(host: string): boolean {
  return isIP(withoutBrackets(host)) !== 0;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
