/**
 * A writer that rotates its log in every way at random, from a seed. It does what a right tailer can survive,
 * and nothing else:
 * - it writes nothing between a copy and the truncation: those bytes would be in neither of the two;
 * - what it removes was given before, and so is what it truncates without a copy: nobody can read it after;
 * - what is compressed is whole before the original goes, as gzip does it;
 * - no two lines are alike: a file that holds another's bytes is its copy.
 */

import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Random } from "../crash/episode.ts";

export interface RotatingWriter {
  /** Does the next thing. */
  act(): void;
  /** Ends what is half done: after that, every line has its line feed. */
  finish(): void;
  /** Every line that was written. */
  readonly lines: readonly string[];
}

/** Rotated files that are kept beside each log. */
const MAX_KEPT = 6;
const MAX_LINES = 40;

/** `isGiven`: whether all these lines have arrived where they should. */
export function rotatingWriter(
  folder: string,
  random: Random,
  isGiven: (lines: readonly string[]) => boolean,
): RotatingWriter {
  const lines: string[] = [];
  const logs = ["app.log", "shop/access.log"].map((name) => {
    const file = path.join(folder, name);
    let half = "";
    /** A descriptor that a slow service goes on writing to after a rotation. */
    let old: number | undefined;
    let dates = 0;
    const line = (): string => {
      const text = `${name} ${lines.length} ${"x".repeat(random(60))}`;
      lines.push(text);
      return `${text}\n`;
    };
    const write = (): void => {
      let text = "";
      for (let count = 1 + random(MAX_LINES); count > 0; count -= 1) text += line();
      const whole = half + text;
      half = "";
      if (old !== undefined && random(2) === 0) writeSync(old, whole);
      else if (random(4) === 0) {
        const cut = whole.length - 1 - random(Math.min(20, whole.length - 1));
        half = whole.slice(cut);
        put(whole.slice(0, cut));
      } else put(whole);
    };
    const put = (text: string): void => {
      if (old !== undefined) closeSync(old);
      old = undefined;
      appendFileSync(file, text);
    };
    const settleHalf = (): void => {
      if (half !== "") put(half);
      half = "";
    };
    const rotated = (): string[] =>
      readdirSync(path.dirname(file))
        .filter((other) => other.startsWith(path.basename(name)) && other !== path.basename(name))
        .map((other) => path.join(path.dirname(file), other));
    const shift = (): void => {
      const numbered = rotated().flatMap((other) => {
        const [, number, end] = /\.(\d+)(|\.gz)$/.exec(other) ?? [];
        return number === undefined ? [] : [{ other, next: Number(number) + 1, end }];
      });
      for (const { other, next, end } of numbered.toSorted((a, b) => b.next - a.next))
        renameSync(other, `${file}.${next}${end}`);
    };
    const target = (): string => {
      if (random(3) === 0) {
        dates += 1;
        return `${file}-${20_260_000 + dates}`;
      }
      shift();
      return `${file}.1`;
    };
    const rename = (): void => {
      if (!existsSync(file)) return;
      if (random(3) !== 0) settleHalf();
      // The half line is written on by whoever has the file open.
      if (old === undefined && (half !== "" || random(3) === 0)) old = openSync(file, "a");
      renameSync(file, target());
      if (half !== "" && old !== undefined) writeSync(old, half);
      half = "";
      if (random(2) === 0) writeFileSync(file, "");
    };
    const copyTruncate = (): void => {
      if (!existsSync(file) || old !== undefined) return;
      // A line that is half copied would be in two files.
      settleHalf();
      writeFileSync(target(), readFileSync(file));
      truncateSync(file);
    };
    const compress = (): void => {
      // A service that has a file open still is waited for.
      if (old !== undefined) return;
      const plain = rotated().filter((other) => !other.endsWith(".gz"));
      const chosen = plain[random(plain.length || 1)];
      if (chosen === undefined) return;
      writeFileSync(`${chosen}.gz`, gzipSync(readFileSync(chosen)));
      rmSync(chosen);
    };
    const linesOf = (other: string): readonly string[] => {
      const bytes = readFileSync(other);
      return (other.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().split("\n").slice(0, -1);
    };
    const remove = (): void => {
      if (old !== undefined) return;
      const all = rotated();
      if (all.length < MAX_KEPT) return;
      for (const other of all) if (random(4) > 0 && isGiven(linesOf(other))) rmSync(other);
    };
    const truncate = (): void => {
      if (!existsSync(file) || old !== undefined || half !== "" || !isGiven(linesOf(file))) return;
      if (random(2) === 0) truncateSync(file);
      else rmSync(file);
    };
    return { write, rename, copyTruncate, compress, remove, truncate, settleHalf };
  });
  return {
    lines,
    act() {
      const log = logs[random(logs.length)] ?? logs[0];
      const often = ["write", "write", "write", "write", "rename", "copyTruncate", "compress"] as const;
      const kinds = [...often, ...often, "remove", "truncate"] as const;
      const kind = kinds[random(kinds.length)];
      log?.[kind ?? "write"]();
    },
    finish() {
      for (const log of logs) log.settleHalf();
    },
  };
}
