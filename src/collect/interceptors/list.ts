/** The interceptors there are: a new one is one line here. */

import type { EventBlock } from "../../tail/block.ts";
import type { EventWriter } from "../event-writer.ts";
import { filterInterceptor } from "./filter.ts";
import { hostInterceptor } from "./host.ts";
import type { Intercept, InterceptorKind } from "./interceptor.ts";
import { regexExtractInterceptor } from "./regex-extract.ts";
import { removeHeaderInterceptor } from "./remove-header.ts";
import { searchReplaceInterceptor } from "./search-replace.ts";
import { staticInterceptor } from "./static.ts";
import { timestampInterceptor } from "./timestamp.ts";
import { uuidInterceptor } from "./uuid.ts";

export const interceptorKinds = [
  staticInterceptor,
  timestampInterceptor,
  hostInterceptor,
  regexExtractInterceptor,
  searchReplaceInterceptor,
  filterInterceptor,
  uuidInterceptor,
  removeHeaderInterceptor,
] as readonly InterceptorKind[];

/** One after the other, before what comes next. */
export function intercepted(intercepts: readonly Intercept[], next: EventWriter): EventWriter {
  if (intercepts.length === 0) return next;
  return {
    async put(block) {
      let blocks: readonly EventBlock[] = [block];
      for (const intercept of intercepts) blocks = blocks.flatMap(intercept);
      for (const each of blocks) if (each.events > 0) await next.put(each);
    },
    flush: () => next.flush(),
    hasRoom: () => next.hasRoom(),
  };
}
