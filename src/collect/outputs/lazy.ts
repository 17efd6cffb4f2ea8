/** Opens an output when it is first needed, again and again where that fails: a receiver may come later. */

import type { DeliveryState } from "../channel/channel.ts";
import type { Output } from "./output.ts";

export interface LazyOptions {
  readonly name: string;
  readonly open: () => Promise<Output>;
  /** Of one among several: what `sync` tells while it was not needed. Left out: it is opened to be asked. */
  readonly unopened?: { readonly state: DeliveryState | undefined };
}

export function lazyOutput({ name, open, unopened }: LazyOptions): Output {
  let opened: Output | undefined;
  const output = async (): Promise<Output> => {
    opened ??= await open();
    return opened;
  };
  return {
    name,
    deliver: async (blocks) => (await output()).deliver(blocks),
    async sync() {
      if (opened === undefined && unopened !== undefined) return unopened.state;
      return (await output()).sync();
    },
    committed: async () => opened?.committed?.(),
    dueInMs: () => opened?.dueInMs?.(),
    close: async () => opened?.close(),
  };
}
