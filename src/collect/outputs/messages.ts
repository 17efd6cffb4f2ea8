/** Events as messages of Kafka: a value each, and what holds for the whole block repeated beside them. */

import type { BytesColumn } from "../../kafka/lane.ts";
import type { EventBlock } from "../../tail/block.ts";
import { eventsOf } from "./output.ts";

/** Of a block, or of several in which each line is an event. A copy: their bytes may be used again. */
export function valuesOf(run: readonly EventBlock[]): BytesColumn {
  const [only] = run;
  if (only?.ends === undefined) return { bytes: Buffer.concat(run.map(({ bytes }) => bytes)) };
  const events = [...eventsOf(only)];
  return { bytes: Buffer.concat(events), lengths: Int32Array.from(events, (event) => event.length) };
}

/** The same text beside each of so many events. */
export function repeated(text: string, count: number): BytesColumn {
  const value = Buffer.from(text);
  return {
    bytes: Buffer.alloc(value.length * count, value),
    lengths: new Int32Array(count).fill(value.length),
  };
}

/** As the lane takes a message's headers. */
export function headersJson(headers: readonly (readonly [name: string, value: string])[]): string {
  return JSON.stringify(headers);
}
