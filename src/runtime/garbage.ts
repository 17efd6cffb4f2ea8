/** The runtime's garbage collector, told of memory that it does not see. */

/**
 * Collects at once. Large values from DuckDB are worth it: a block of them is freed when its small object is
 * collected, and of the megabytes behind that the collector knows nothing. Nothing where it can't be told.
 */
export function collectGarbage(): void {
  if ("Bun" in globalThis) Bun.gc(true);
}
