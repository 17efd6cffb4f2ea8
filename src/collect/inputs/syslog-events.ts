/** What of a syslog message goes into headers, and what is left of it as the event. */

import { z } from "zod";
import type { EventBlock } from "../../tail/block.ts";
import { eachText, runsOf } from "../interceptors/events.ts";
import type { Headers } from "../interceptors/interceptor.ts";
import type { Events } from "./frames.ts";
import { parseSyslog } from "./syslog-message.ts";

const HEADERS = ["facility", "severity", "timestamp", "host", "app", "pid", "msgid"] as const;

export const syslogEventFields = {
  headers: z
    .union([z.array(z.enum(HEADERS)), z.partialRecord(z.enum(HEADERS), z.string().min(1))])
    .default([])
    .describe(`parts that become headers, or \`{PART: HEADER}\`: ${HEADERS.join(", ")}`),
  body: z
    .enum(["line", "message"])
    .default("line")
    .describe("the event: the `line` as it came, or its `message` alone"),
};

type Part = (typeof HEADERS)[number];

export interface SyslogEventOptions {
  readonly headers: readonly Part[] | Partial<Readonly<Record<Part, string>>>;
  readonly body: "line" | "message";
  readonly nowMs: () => number;
}

export function syslogBlocks(options: SyslogEventOptions): (events: Events, peer: string) => EventBlock[] {
  const { headers } = options;
  const parts = Array.isArray(headers)
    ? headers.map((part: Part) => [part, part] as const)
    : (Object.entries(headers) as [Part, string][]);
  return (events, peer) => {
    const block: EventBlock = { ...events, headers: { peer } };
    if (parts.length === 0 && options.body === "line") return [block];
    const keys: string[] = [];
    const texts: Buffer[] = [];
    const nowMs = options.nowMs();
    eachText(block, (line, _index, encoding) => {
      const message = parseSyslog(line, nowMs);
      const { timestampMs } = message;
      const all = { ...message, timestamp: timestampMs };
      const found = parts.flatMap(([part, header]) => {
        const value = all[part];
        return value === undefined ? [] : [[header, String(value)] as const];
      });
      keys.push(JSON.stringify(Object.fromEntries(found)));
      texts.push(Buffer.from(`${options.body === "line" ? line : message.text}\n`, encoding));
    });
    const rewritten = { ...block, bytes: Buffer.concat(texts) };
    return [...runsOf(rewritten, keys, (key) => ({ peer, ...(JSON.parse(key) as Headers) }))];
  };
}
