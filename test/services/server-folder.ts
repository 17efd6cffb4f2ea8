/** The folder of a server that is shared by tests: gone with the test process, however that ends. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A shell that removes the folder when the pipe to it breaks: `bun test` runs no handlers at its exit. */
const KEEPER = `trap "" INT TERM HUP; read -r _; for wait in 0 0.5 2; do sleep $wait; rm -rf "$1"; done`;

export function serverFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "streamkit-server-"));
  const keeper = Bun.spawn(["sh", "-c", KEEPER, "sh", path], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  keeper.unref();
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
      keeper.kill("SIGKILL");
    },
  };
}
