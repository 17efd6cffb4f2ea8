/** Whether a server of this machine has been sent something that it has not looked at. */

import { readFileSync } from "node:fs";

/** Bytes of a connection that are not read, or a connection that is not taken, of a server at this port. */
export function hasUnread(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((table) => readFileSync(table, "utf8").trim().split("\n").slice(1))
    .some((line) => {
      const [, address = "", , , queues = ""] = line.trim().split(/\s+/);
      return address.endsWith(local) && Number.parseInt(queues.split(":")[1] ?? "0", 16) > 0;
    });
}
