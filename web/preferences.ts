/** What a person chose once is so the next time, in this browser. */

import { effect, type Signal, signal } from "@preact/signals";

const PREFIX = "streamkit.";

/** A signal whose value is kept under `name`. What is kept and doesn't fit any more is passed over. */
export function remembered<T>(name: string, fits: (value: unknown) => value is T, initial: T): Signal<T> {
  const before = read(name);
  const kept = signal(fits(before) ? before : initial);
  effect(() => write(name, kept.value));
  return kept;
}

/** One of some texts, for `remembered`. */
export function oneOf<T extends string>(texts: readonly T[]): (value: unknown) => value is T {
  return (value): value is T => texts.some((text) => text === value);
}

/** A list of some texts, for `remembered`. */
export function someOf<T extends string>(texts: readonly T[]): (value: unknown) => value is readonly T[] {
  const fits = oneOf(texts);
  return (value): value is readonly T[] => Array.isArray(value) && value.every((each) => fits(each));
}

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return undefined;
  }
}

/** A browser that keeps nothing shows everything all the same. */
function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    return;
  }
}
