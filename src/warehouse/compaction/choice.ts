/** Which files of a table become one. */

import { batchOfFile } from "../hive-layout.ts";
import { joinPath, parentOf, type StoredFile } from "../store.ts";

export interface ChoiceOptions {
  /** A file of this size is large enough; so large will new ones be, about. */
  readonly targetBytes: number;
  /** Partitions in which something was written since then are left alone. */
  readonly idleSinceMs: number;
  /** Partitions with a compaction under way. */
  readonly busy: ReadonlySet<string>;
  /** Writers of which no batch is written again. */
  readonly isFinalWriter: (writer: string) => boolean;
}

export interface PartitionChoice {
  readonly partition: string;
  /** Each list becomes one file. Names in the partition's folder, in the order of writing. */
  readonly groups: readonly (readonly string[])[];
  /** Names of visible files that stay. */
  readonly others: readonly string[];
}

interface File {
  readonly name: string;
  readonly partition: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly writer: string | undefined;
  readonly batch: number;
}

/**
 * Files of a writer's highest batch are left alone: that batch may not be committed yet, and then its writer
 * may remove or replace them. All batches before it are committed; of a run without a checkpoint all are.
 */
export function chooseFiles(
  folder: string,
  files: readonly StoredFile[],
  { targetBytes, idleSinceMs, busy, isFinalWriter }: ChoiceOptions,
): PartitionChoice[] {
  const all = files.map((file) => fileOf(folder, file));
  const highest = new Map<string, number>();
  for (const { writer, batch } of all)
    if (writer !== undefined) highest.set(writer, Math.max(highest.get(writer) ?? 0, batch));
  const isFinal = ({ writer, batch }: File): boolean =>
    writer === undefined || batch < (highest.get(writer) ?? 0) || isFinalWriter(writer);
  return [...Map.groupBy(all, ({ partition }) => partition)].flatMap(([partition, own]) => {
    if (busy.has(partition) || own.some(({ modifiedAtMs }) => modifiedAtMs > idleSinceMs)) return [];
    const small = own.filter((file) => isFinal(file) && file.sizeBytes < targetBytes);
    const groups = grouped(small.toSorted(byWriting), targetBytes).filter(({ length }) => length > 1);
    if (groups.length === 0) return [];
    const taken = new Set(groups.flat());
    const others = own.map(({ name }) => name).filter((name) => !taken.has(name));
    return [{ partition, groups, others }];
  });
}

function fileOf(folder: string, { path, sizeBytes, modifiedAtMs }: StoredFile): File {
  const inTable = path.slice(folder.length + 1);
  const partition = parentOf(inTable);
  const name = inTable.slice(joinPath(partition, "x").length - 1);
  const own = batchOfFile(name);
  return { name, partition, sizeBytes, modifiedAtMs, writer: own?.writer, batch: own?.batch ?? 0 };
}

function byWriting(a: File, b: File): number {
  if (a.writer !== b.writer) return (a.writer ?? "") < (b.writer ?? "") ? -1 : 1;
  return a.batch - b.batch || (a.name < b.name ? -1 : 1);
}

function grouped(files: readonly File[], targetBytes: number): string[][] {
  const groups: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const { name, sizeBytes } of files) {
    if (bytes + sizeBytes > targetBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(name);
    bytes += sizeBytes;
  }
  return groups;
}
