/**
 * Outputs: who gets what was collected. An output is one file and one line in `list.ts`.
 *
 * `deliver` → … → `sync`, one call at a time. What `sync` returned is given to `open` after a restart; what
 * was delivered after it comes again then.
 */

import type { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import type { ConnectionOptions } from "../../kafka/options.ts";
import type { ByteOutput } from "../../runtime/stdio.ts";
import type { EventBlock } from "../../tail/block.ts";
import type { DeliveryState } from "../channel/channel.ts";

export interface Output {
  /** For a person: the URL, without secrets. */
  readonly name: string;
  /**
   * Resolves when the receiver has all blocks, as far as it can tell. When it rejects, some may have arrived;
   * the same blocks may be delivered again. The bytes are the caller's again when it is done.
   */
  deliver(blocks: readonly EventBlock[]): Promise<void>;
  /** What was delivered survives a crash. */
  sync(): Promise<DeliveryState | undefined>;
  /** What the last `sync` returned is saved: nothing of it will be delivered again. */
  committed?(): Promise<void>;
  /** In how many milliseconds `sync` is wanted though nothing is delivered; undefined where it is not. */
  dueInMs?(): number | undefined;
  close(): Promise<void>;
}

export interface OutputContext {
  readonly clock: Clock;
  readonly stdout: ByteOutput;
  /** Relative paths start here. */
  readonly baseFolder: string;
  /** A folder of this machine, of the output alone, for what is not finished. It outlives the process. */
  readonly stageFolder: string;
  /** What `sync` returned for the last commit. */
  readonly committed: DeliveryState | undefined;
  /** Environment variables: where the credentials of stores are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How brokers are reached. */
  readonly kafka: { readonly connection: Omit<ConnectionOptions, "brokers">; readonly baseFolder: string };
}

export interface OutputKind<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** The options a URL stands for; undefined where it is not of this kind. Throws code `usage`. */
  fromUrl(url: string): unknown;
  /** It keeps unfinished files in its `stageFolder`, which is one process's at a time. */
  readonly isStaged?: true;
  /** The file or folder of this machine that it writes to, as the options have it; undefined for none. */
  place?(options: Options): string | undefined;
  open(options: Options, context: OutputContext): Promise<Output>;
}

/** The bytes of blocks, for receivers that take no headers. Not copied where there is one. */
export function bytesOf(blocks: readonly EventBlock[]): Uint8Array {
  const [only] = blocks;
  return blocks.length === 1 && only !== undefined
    ? only.bytes
    : Buffer.concat(blocks.map(({ bytes }) => bytes));
}

/** The bytes of each event, without the line feed at its end. */
export function* eventsOf({ bytes, ends }: EventBlock): Generator<Uint8Array> {
  let start = 0;
  if (ends !== undefined) {
    for (const end of ends) {
      yield bytes.subarray(start, bytes[end - 1] === LINE_FEED ? end - 1 : end);
      start = end;
    }
    return;
  }
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, start)) {
    yield bytes.subarray(start, at);
    start = at + 1;
  }
}

const LINE_FEED = 10;
