/**
 * Interceptors: what is done to blocks between a source and a channel. An interceptor is one file and one
 * line in `list.ts`. It must not wait and must not keep a block; where events of a block come to differ in
 * their headers, it is cut into runs of equal ones, which are views of the same bytes.
 */

import type { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import type { EventBlock } from "../../tail/block.ts";

export type Headers = EventBlock["headers"];

/** A block becomes some blocks, in their order; none where nothing of it is left. */
export type Intercept = (block: EventBlock) => readonly EventBlock[];

interface InterceptorContext {
  readonly clock: Clock;
  readonly host: { readonly name: string; readonly address: string };
  readonly uuid: () => string;
}

export interface InterceptorKind<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** Throws code `job` where the options can't be used. */
  create(options: Options, context: InterceptorContext): Intercept;
}

/** The block with more headers; `keep` leaves those that are there already. */
export function withHeaders(block: EventBlock, added: Headers, keep: boolean): readonly EventBlock[] {
  const headers = { ...block.headers, ...added, ...(keep && block.headers) };
  return [{ ...block, headers }];
}
