/** Requests that trust certificates of one's own, in Bun and Deno. Each has its own way to say so. */

/** The part of Deno's interface that is used here; its types can't be loaded beside Bun's. */
interface DenoClients {
  createHttpClient(options: { caCerts: readonly string[] }): unknown;
}

/** What `fetch` is given beside everything else, to trust the authorities in this text of PEM. */
export function trusting(authorities: string): RequestInit {
  const deno = (globalThis as { Deno?: DenoClients }).Deno;
  const way =
    deno === undefined
      ? { tls: { ca: authorities } }
      : { client: deno.createHttpClient({ caCerts: [authorities] }) };
  return way as RequestInit;
}
