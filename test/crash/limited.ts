/** A life that may hang: killed when it takes too long, which is told apart from a kill that was meant. */

import type { Life, spawned } from "./episode.ts";

/** A life that is not over by then hangs. */
const MAX_LIFE_MS = 90_000;

type Child = Awaited<ReturnType<typeof spawned<"pipe">>>;

export async function limited(child: Child): Promise<Life> {
  const stderr = new Response(child.stderr).text();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, MAX_LIFE_MS);
  const code = await child.exited;
  clearTimeout(timer);
  const said = await stderr;
  if (isLate) return { code: -1, wasKilled: false, stderr: `it hung: ${said}` };
  return { code, wasKilled: child.signalCode === "SIGKILL", stderr: said };
}
