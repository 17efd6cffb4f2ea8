/** Waiting for a condition, with a bound: the tests' only clock. */

const MAX_WAIT_MS = 20_000;
const POLL_MS = 5;

/** Resolves when `condition` holds; rejects, naming `what`, when it has not for too long. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAtMs > MAX_WAIT_MS) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
