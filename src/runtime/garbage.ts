/** The runtime's garbage collector, told of memory that it does not see. */

/**
 * Collects at once. Large values from DuckDB are worth it: a block of them is freed only when its small object
 * is collected, and of 16 MiB behind that the collector knows nothing. Nothing where the runtime can't be told.
 */
export function collectGarbage(): void {
  if ("Bun" in globalThis) Bun.gc(true);
}
