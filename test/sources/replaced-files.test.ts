/** Files at rest only grow: one that was put in the place of another is refused, not read from its middle. */

import { expect, test } from "bun:test";
import { cpSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { runIn, writtenIn } from "../world/bounded-runs/bounded.ts";

const jobOf = (format: string): string => `
checkpoint: state
sources: { s: { from: "file:in.txt", format: ${format}, schema: { id: BIGINT } } }
queries: { q: SELECT id FROM s }
sinks: [ { from: q, to: "file:out/q.ndjson" } ]
`;

const ids = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index);
const json = (numbers: readonly number[]): string => numbers.map((id) => `{"id":${id}}\n`).join("");
const csv = (numbers: readonly number[]): string => `id\n${numbers.join("\n")}\n`;

interface Case {
  readonly name: string;
  readonly format: "json" | "csv";
  readonly text: (numbers: readonly number[]) => string | Uint8Array;
  readonly other: readonly number[];
}

const CASES: readonly Case[] = [
  { name: "a longer one", format: "json", text: json, other: ids(1000, 300) },
  { name: "one of the same size", format: "json", text: json, other: ids(300, 100) },
  { name: "a shorter one", format: "json", text: json, other: ids(100, 50) },
  {
    name: "one that differs in its middle, before what was read",
    format: "json",
    text: json,
    other: [...ids(100, 99), 777, ...ids(200, 9)],
  },
  { name: "CSV with the same header", format: "csv", text: csv, other: ids(1000, 300) },
  {
    name: "a packed one",
    format: "json",
    text: (numbers) => Bun.gzipSync(json(numbers)),
    other: ids(1000, 300),
  },
];

for (const { name, format, text, other } of CASES)
  test(`${name} is refused`, async () => {
    using folder = emptyFolder();
    const file = path.join(folder.path, "in.txt");
    const life = () =>
      runIn(folder.path, jobOf(format), {
        checkpointFolder: path.join(folder.path, "state"),
        until: "available",
      });
    writeFileSync(file, text(ids(100, 100)));
    await life();
    cpSync(file, `${file}.kept`);
    writeFileSync(`${file}.new`, text(other));
    renameSync(`${file}.new`, file);
    expect(await life().catch(String)).toMatch(
      /"in\.txt" is another file than the one of which .* read before.*--reset-checkpoint/,
    );
    // The file itself is taken back, whatever its inode.
    renameSync(`${file}.kept`, file);
    await life();
    expect(writtenIn(folder.path, "q")).toHaveLength(100);
  });

test("a file that grew goes on, also as a copy with more in it", async () => {
  using folder = emptyFolder();
  const file = path.join(folder.path, "in.txt");
  for (const count of [1, 100, 100, 1000]) {
    writeFileSync(`${file}.new`, json(ids(1, count)));
    renameSync(`${file}.new`, file);
    await runIn(folder.path, jobOf("json"), { checkpointFolder: path.join(folder.path, "state") });
    expect(writtenIn(folder.path, "q")).toHaveLength(count);
  }
});
