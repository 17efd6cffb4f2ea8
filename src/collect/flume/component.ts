/**
 * One component of an agent: its properties by their names, each asked for once. What nobody asked for has no
 * equivalent, and is told.
 */

import type { Property } from "./properties.ts";
import { note, type Report, refuse } from "./report.ts";

export interface Component {
  /** `a1.sources.r1` */
  readonly path: string;
  readonly name: string;
  readonly report: Report;
  /** Its value; undefined where it is not set. */
  text(name: string): string | undefined;
  /** Words with spaces between them. */
  words(name: string): readonly string[];
  number(name: string): number | undefined;
  flag(name: string): boolean | undefined;
  /** Refused where it is missing; empty then. */
  needed(name: string, example: string): string;
  /** All that begin with `PREFIX.`, by what follows. */
  below(prefix: string): readonly { readonly name: string; readonly value: string }[];
  refuse(name: string, text: string): void;
  note(name: string, text: string): void;
  /** Known ones that mean nothing here: they are noted where they are set. */
  skip(why: string, names: readonly string[]): void;
  /** Refused unless it is one of these, in any case of letters. */
  only(name: string, values: readonly string[], advice: string): void;
  /** The same component, with names below a prefix. */
  inner(prefix: string, name: string): Component;
  /** Nothing is said of what is left: one refusal is enough. */
  ignoreRest(): void;
  /** Refuses what is left. */
  finish(): void;
}

export function componentOf(
  path: string,
  properties: readonly Property[],
  report: Report,
  used = new Set<Property>(),
): Component {
  const prefix = `${path}.`;
  const own = properties.filter(({ key }) => key.startsWith(prefix));
  const find = (name: string): Property | undefined => own.find(({ key }) => key === prefix + name);
  /** Where a remark on a name stands: on its line, or on that of the component's type. */
  const placeOf = (name: string): Pick<Property, "key" | "line"> =>
    find(name) ?? { key: prefix + name, line: find("type")?.line ?? own[0]?.line ?? 0 };
  const take = (name: string): string | undefined => {
    const property = find(name);
    if (property !== undefined) used.add(property);
    return property?.value.trim();
  };
  const component: Component = {
    path,
    name: path.split(".").at(-1) ?? path,
    report,
    text: take,
    words: (name) => (take(name) ?? "").split(/[\s,]+/).filter((word) => word !== ""),
    number(name) {
      const text = take(name);
      if (text === undefined) return undefined;
      if (/^-?\d+$/.test(text)) return Number(text);
      refuse(report, placeOf(name), `a whole number is expected: found "${text}"`);
      return undefined;
    },
    flag(name) {
      const text = take(name)?.toLowerCase();
      if (text === undefined || text === "true" || text === "false")
        return text === undefined ? undefined : text === "true";
      refuse(report, placeOf(name), `true or false is expected: found "${text}"`);
      return undefined;
    },
    needed(name, example) {
      const text = take(name);
      if (text === undefined || text === "")
        refuse(report, placeOf(name), `is missing: it is needed, like ${example}`);
      return text ?? "";
    },
    below(below) {
      const found = own.filter(({ key }) => key.startsWith(`${prefix}${below}.`));
      for (const property of found) used.add(property);
      return found.map(({ key, value }) => ({
        name: key.slice(prefix.length + below.length + 1),
        value: value.trim(),
      }));
    },
    refuse: (name, text) => refuse(report, placeOf(name), text),
    note: (name, text) => note(report, placeOf(name), text),
    skip(why, names) {
      for (const name of names) if (take(name) !== undefined) note(report, placeOf(name), why);
    },
    only(name, values, advice) {
      const text = take(name);
      if (text === undefined || values.some((value) => value.toLowerCase() === text.toLowerCase())) return;
      refuse(report, placeOf(name), `"${text}" has no equivalent: ${advice}`);
    },
    inner: (below, name) => componentOf(`${prefix}${below}.${name}`, properties, report, used),
    ignoreRest() {
      for (const property of own) used.add(property);
    },
    finish() {
      for (const property of own)
        if (!used.has(property))
          refuse(report, property, "is not known here: take the line away, if it doesn't matter");
    },
  };
  return component;
}
