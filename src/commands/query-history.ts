/** What was typed in `streamkit query`, kept for the next time: a line of the file is one that was typed. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

const MAX_LINES = 1000;

export interface QueryHistory {
  /** The newest first, as readline wants them. */
  readonly lines: readonly string[];
  add(line: string): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the system's users keep such things: $XDG_STATE_HOME/streamkit/query-history. */
export function historyFile(env: Environment): string {
  const own = env["XDG_STATE_HOME"];
  // The specification passes over a relative one.
  const state =
    own !== undefined && path.isAbsolute(own) ? own : path.join(env["HOME"] ?? homedir(), ".local/state");
  return path.join(state, "streamkit", "query-history");
}

/** A history that can't be kept is none: nobody is stopped by that. */
export function openHistory(env: Environment): QueryHistory {
  const file = historyFile(env);
  const kept = attempt(() => (existsSync(file) ? readFileSync(file, "utf8").split("\n") : [])) ?? [];
  const lines = kept.filter((line) => line !== "");
  if (lines.length > 2 * MAX_LINES)
    attempt(() =>
      writeFileSync(
        file,
        lines
          .slice(-MAX_LINES)
          .map((line) => `${line}\n`)
          .join(""),
      ),
    );
  let last = lines.at(-1);
  return {
    lines: lines.slice(-MAX_LINES).toReversed(),
    add(line) {
      if (line.trim() === "" || line === last) return;
      last = line;
      attempt(() => {
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        // Queries may hold what others should not read.
        appendFileSync(file, `${line}\n`, { mode: 0o600 });
      });
    },
  };
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
