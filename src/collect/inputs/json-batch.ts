/**
 * A JSON array as lines, an element each. The text of an element is kept as it came, so that no number loses
 * a digit; only its line breaks go, which JSON allows between values alone.
 */

import type { EventBlock } from "../../tail/block.ts";

/** Throws a SyntaxError where it is no JSON. What is no array is one line. */
export function jsonLines(text: string): string[] {
  const value: unknown = JSON.parse(text);
  const elements = Array.isArray(value) ? elementTexts(text) : [text];
  return elements.map((element) => element.replaceAll(/[\r\n]+/g, " ").trim());
}

/** Of a text that is an array. */
function elementTexts(text: string): string[] {
  const elements: string[] = [];
  const first = text.indexOf("[") + 1;
  const last = text.lastIndexOf("]");
  let start = first;
  let depth = 0;
  for (let at = first; at < last; at += 1) {
    const character = text[at];
    if (character === '"') at = stringEnd(text, at);
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    else if (character === "," && depth === 0) {
      elements.push(text.slice(start, at));
      start = at + 1;
    }
  }
  const rest = text.slice(start, last);
  return elements.length === 0 && rest.trim() === "" ? [] : [...elements, rest];
}

/** The index of the quote that ends the string. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

/** Flume's events: `[{"headers": {…}, "body": "…"}]`; undefined where the array holds something else. */
export function flumeEvents(text: string): EventBlock[] | undefined {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value) || !value.every(isFlumeEvent)) return undefined;
  return value.map(({ headers, body }) => {
    const bytes = Buffer.from(`${body ?? ""}\n`);
    const texts = Object.entries(headers ?? {}).map(([name, each]) => [name, String(each)] as const);
    return {
      bytes,
      ends: bytes.indexOf(10) < bytes.length - 1 ? Uint32Array.of(bytes.length) : undefined,
      events: 1,
      headers: Object.fromEntries(texts),
    };
  });
}

interface FlumeEvent {
  readonly headers?: Readonly<Record<string, unknown>> | null;
  readonly body?: string | null;
}

function isFlumeEvent(value: unknown): value is FlumeEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { headers, body, ...others } = value as Record<string, unknown>;
  const isBody = body === null || body === undefined || typeof body === "string";
  return Object.keys(others).length === 0 && isBody && typeof (headers ?? {}) === "object";
}
