/** Texts in events replaced by others: secrets masked, say. */

import { z } from "zod";
import type { EventBlock } from "../../tail/block.ts";
import { eachText } from "./events.ts";
import type { InterceptorKind } from "./interceptor.ts";
import { patternField, patternOf } from "./pattern.ts";

const options = z.strictObject({
  pattern: patternField.describe("what is replaced, wherever it is found in an event"),
  replacement: z.string().describe("by what; `$1` and `$<name>` are groups of the pattern"),
});

export const searchReplaceInterceptor: InterceptorKind<z.infer<typeof options>> = {
  name: "search-replace",
  summary: "replaces what a pattern finds in an event",
  options,
  create({ pattern: text, replacement }) {
    const pattern = patternOf(text, "g");
    return (block) => {
      const events: Buffer[] = [];
      let hasChanged = false;
      eachText(block, (event, _index, encoding) => {
        const replaced = event.replace(pattern, replacement);
        hasChanged ||= replaced !== event;
        // A replacement may hold what Latin-1 has not.
        const isLatin = encoding === "latin1" && /^[\0-\xff]*$/.test(replaced);
        events.push(Buffer.from(`${replaced}\n`, isLatin ? "latin1" : "utf8"));
      });
      return [hasChanged ? joined(block, events) : block];
    };
  },
};

function joined({ headers }: EventBlock, events: readonly Buffer[]): EventBlock {
  const bytes = Buffer.concat(events);
  let end = 0;
  const ends = Uint32Array.from(events, (event) => {
    end += event.length;
    return end;
  });
  return { bytes, ends: hasInnerFeeds(events) ? ends : undefined, events: events.length, headers };
}

/** Only then an event is more than its line. */
function hasInnerFeeds(events: readonly Buffer[]): boolean {
  return events.some((event) => event.indexOf(10) < event.length - 1);
}
