/**
 * Inputs: where blocks come from. An input is one file and one line in `list.ts`. It puts what it gets into
 * an intake, waits where that waits, and tells its other side that something is safe only after `flush`.
 */

import type { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import type { EventWriter } from "../event-writer.ts";

export interface Input {
  /** Resolves when nothing will come any more; rejects when it can't go on. */
  readonly done: Promise<void>;
  /** Where it listens, if it does: also the port that the system chose. */
  readonly address?: string;
  /** Takes nothing more; what it had taken is in the intake when it resolves. May be called again. */
  close(): Promise<void>;
}

export interface InputContext {
  /** The name in the pipeline or job. */
  readonly name: string;
  readonly clock: Clock;
  /** Relative paths start here. */
  readonly baseFolder: string;
  /** A folder of the input's own, for what it must know after a restart. */
  readonly stateFolder: string;
  /** Whether a file of this machine is the pipeline's own: what it writes is no input. */
  readonly isOwn: (file: string) => boolean;
  /** True where what is there now is all. */
  readonly isBounded: boolean;
}

export interface InputKind<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** It waits for senders: where what is there now is all, it is not opened. */
  readonly listens?: true;
  /** The options a URL stands for; undefined where it is not of this kind. Throws code `usage`. */
  fromUrl(url: string): unknown;
  /** Throws code `io` where it can't listen. */
  open(options: Options, intake: EventWriter, context: InputContext): Promise<Input>;
}
