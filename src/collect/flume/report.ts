/** What a translation has to say, line by line. */

import type { Property } from "./properties.ts";

export interface Remark {
  /** Of the configuration, counted from 1; 0 where a line is missing. */
  readonly line: number;
  readonly key: string;
  readonly text: string;
}

export interface Report {
  /** What can't be done here: it is not run. */
  readonly refusals: Remark[];
  /** What is done in another way, or need not be set. */
  readonly notes: Remark[];
}

export function newReport(): Report {
  return { refusals: [], notes: [] };
}

export function refuse(report: Report, { line, key }: Pick<Property, "line" | "key">, text: string): void {
  report.refusals.push({ line, key, text });
}

export function note(report: Report, { line, key }: Pick<Property, "line" | "key">, text: string): void {
  report.notes.push({ line, key, text });
}

/** `flume.conf:12: a1.sinks.k1.type: …`, in the order of the lines. */
export function remarkLines(file: string, remarks: readonly Remark[]): string[] {
  return remarks
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, key, text }) => `${file}:${line === 0 ? "" : `${line}:`} ${key}: ${text}`);
}
