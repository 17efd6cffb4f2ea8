/** Free ports on 127.0.0.1 for servers that must be told one before they start. */

import { createServer } from "node:net";

/** Below what the kernel gives outgoing connections, or one may take a killed server's port. */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const MAX_ATTEMPTS = 100;

export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count && attempt < MAX_ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new Error(`No ${count} free ports from ${FIRST_PORT} to ${LAST_PORT}`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
