/** Who may import whom. Each rule returns one line for each place that breaks it. */

import { type Import, importsOf, isCode, isShipped, type SourceFile } from "./tree.ts";

/** A room imports only rooms of a lower number: rooms that share one don't know each other. */
const RANKS: Readonly<Record<string, number>> = {
  "src/base": 0,
  "src/runtime": 1,
  "src/terminal": 2,
  "src/duckdb": 2,
  "src/content": 2,
  "src/job": 3,
  "src/formats": 4,
  "src/simulate": 4,
  "src/sql": 5,
  "src/warehouse": 5,
  "src/kafka": 5,
  "src/databases": 5,
  "src/tail": 5,
  "src/iceberg": 6,
  "src/operators": 6,
  "src/collect": 6,
  "src/plan": 7,
  "src/sources": 7,
  "src/sinks": 7,
  "src/ingest": 8,
  "src/checkpoint": 9,
  "src/engine": 10,
  "src/server": 11,
  "src/verify": 11,
  "src/commands": 12,
  "src/main.ts": 13,
  "src/build": 14,
};

/** What both ends of the live feed share: its messages, and the pure state that they are folded into. */
const WEB_MAY_IMPORT = new Set([
  "src/base/exact-json.ts",
  ...["candles", "protocol", "replica", "state"].map((name) => `src/server/${name}.ts`),
]);

export function upwardImports(files: readonly SourceFile[]): string[] {
  return linkedImports(files).flatMap(({ file, to, line }) => {
    const [from, room] = [roomOf(file.path), roomOf(to)];
    if (from === room || from === "test" || to === "package.json") return [];
    if (from === "web")
      return WEB_MAY_IMPORT.has(to) ? [] : [`${file.path}:${line}: web may not import ${to}`];
    const [rank, below] = [RANKS[from], RANKS[room]];
    if (rank === undefined) return [`${file.path}: the room ${from} has no rank in test/tidy/imports.ts`];
    return below !== undefined && below < rank ? [] : [`${file.path}:${line}: ${from} may not import ${to}`];
  });
}

/** Each circle once, as `a → b → a`. */
export function importCircles(files: readonly SourceFile[]): string[] {
  const linkedOf = (file: SourceFile) => importsOf(file).filter((found) => found.isLinked);
  const graph = new Map(files.filter(isCode).map((file) => [file.path, linkedOf(file)]));
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start !== -1) circles.push([...trail.slice(start), path].join(" → "));
    if (start !== -1 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next.path, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return circles;
}

/**
 * Files that nothing leads to: no import, no mention in `doors` (package.json, shell scripts) or src/build.
 * What only a test imports is not part of the product.
 */
export function filesWithoutImporter(files: readonly SourceFile[], doors: readonly SourceFile[]): string[] {
  const code = files.filter(isCode);
  const importedBy = (side: readonly SourceFile[]) =>
    new Set(side.flatMap((file) => importsOf(file).map((found) => found.path)));
  const [byProduct, byAnyone] = [importedBy(code.filter(isShipped)), importedBy(code)];
  const mentions = [...doors, ...files.filter((file) => file.path.startsWith("src/build/"))];
  return code
    .filter((file) => file.path !== "src/main.ts" && !file.path.endsWith(".test.ts"))
    .filter((file) => !(isShipped(file) ? byProduct : byAnyone).has(file.path))
    .filter((file) => !mentions.some((door) => door.path !== file.path && door.text.includes(file.path)))
    .filter((file) => isShipped(file) || !isSpawned(file, code))
    .map((file) => `${file.path}: nothing imports it`);
}

/** A script of the tests' own that another of them starts by its name. */
function isSpawned(script: SourceFile, code: readonly SourceFile[]): boolean {
  const name = script.path.split("/").at(-1) ?? "";
  return code.some((file) => file.path !== script.path && !isShipped(file) && file.text.includes(`${name}"`));
}

function linkedImports(files: readonly SourceFile[]): { file: SourceFile; to: string; line: number }[] {
  const linked = (found: Import) => found.isLinked;
  return files.filter(isCode).flatMap((file) =>
    importsOf(file)
      .filter(linked)
      .map(({ path, line }) => ({ file, to: path, line })),
  );
}

/** `src/plan/plan.ts` → `src/engine`; `web/chart.ts` → `web`; `src/main.ts` → itself. */
function roomOf(path: string): string {
  const [top = "", room] = path.split("/");
  return top === "src" && room !== undefined ? `${top}/${room}` : top;
}
