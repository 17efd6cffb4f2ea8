/** What every command is given. Nothing below asks the process for these by itself. */

import type { Clock } from "../base/clock.ts";
import type { ByteOutput } from "../runtime/stdio.ts";

export interface Context {
  readonly clock: Clock;
  /** Aborts when a person or the system asks us to stop; the reason is the signal's name. */
  readonly stop: AbortSignal;
  readonly stdout: ByteOutput;
  /** A terminal that we have for ourselves, for what is drawn in place; undefined where there is none. */
  readonly progressOutput?: ByteOutput | undefined;
  /** What standard input is: a terminal that somebody may type at, or bytes from elsewhere. */
  readonly isStdinTerminal?: boolean;
  /** One line for a person, on stderr. */
  readonly say: (line: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A fresh seed, for when the user names none. */
  readonly freshSeed: () => number;
}
