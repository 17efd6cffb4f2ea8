/** Waiting for a condition or a promise, with a bound: the tests' only clock. */

const MAX_WAIT_MS = 40_000;
const MAX_STEP_MS = 15_000;
const POLL_MS = 5;

/** What is waited for; a function is asked when the wait was in vain, for what is known by then. */
type What = string | (() => string);

/** Resolves when `condition` holds; rejects, naming `what`, when it has not for too long. */
export async function until(
  what: What,
  condition: () => boolean | Promise<boolean>,
  maxMs = MAX_WAIT_MS,
): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAtMs > maxMs) throw inVain(what);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What the promise resolves to; rejects, naming `what`, when that takes too long. The step goes on then. */
export async function within<T>(what: What, step: Promise<T>, maxMs = MAX_STEP_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(inVain(what)), maxMs);
  try {
    return await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}

function inVain(what: What): Error {
  return new Error(`Waited in vain: ${typeof what === "string" ? what : what()}`);
}
