/**
 * A table of a file catalog: `metadata/vN.metadata.json`, and `version-hint.text` that says where N is about.
 * A version is made only where nothing has its name: of two who commit at once one comes second, reads what
 * the first one did, and tries again. So Spark's and Flink's catalogs of type `hadoop` have it.
 */

import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { joinPath, type Store } from "../warehouse/store.ts";
import { following, metadataText, readMetadata, type TableMetadata } from "./metadata.ts";
import { type Places, placesOf } from "./places.ts";

export interface TableVersion {
  readonly number: number;
  readonly metadata: TableMetadata;
  readonly places: Places;
}

export interface Catalog {
  /** The table as it is now; undefined where there is none. */
  latest(): Promise<TableVersion | undefined>;
  /** Makes the table; undefined where somebody has come first. */
  begin(metadata: TableMetadata): Promise<TableVersion | undefined>;
  /** The version that follows; undefined, and nothing is changed, where there is one already. */
  commit(after: TableVersion, next: TableMetadata, nowMs: number): Promise<TableVersion | undefined>;
}

const HINT = "version-hint.text";
export const VERSION_FILE = /(?:^|\/)v(\d+)\.metadata\.json$/;
const CATALOG_FILE = /(?:^|\/)\d{5,}-[\da-f-]{36}\.(?:gz\.)?metadata\.json$/;

/** `table` is what people call it. */
export function openCatalog(store: Store, folder: string, table: string): Catalog {
  const at = (name: string): string => joinPath(folder, "metadata", name);
  const fileOf = (number: number): string => at(`v${number}.metadata.json`);
  const name = `The table ${table} in ${store.url}`;
  let known: TableVersion | undefined;
  let knownText = "";

  const versionOf = (number: number, text: string): TableVersion => {
    const metadata = readMetadata(text, name);
    if (known !== undefined && known.metadata["table-uuid"] !== metadata["table-uuid"])
      throw new StreamkitError(
        "io",
        `${name} is another one than before: somebody has made it anew. Begin with a new checkpoint`,
        { component: "iceberg" },
      );
    knownText = text;
    known = { number, metadata, places: placesOf(metadata.location, folder) };
    return known;
  };
  const textAt = async (number: number): Promise<string | undefined> => {
    const found = await store.read(fileOf(number));
    return found === undefined ? undefined : Buffer.from(found).toString();
  };
  const hinted = async (): Promise<number> => {
    const text = Buffer.from((await store.read(at(HINT))) ?? [])
      .toString()
      .trim();
    return /^\d+$/.test(text) ? Number(text) : 0;
  };
  const listed = async (): Promise<number> => {
    const paths = (await store.list(joinPath(folder, "metadata"))).map(({ path }) => path);
    const numbers = paths.map((path) => Number(VERSION_FILE.exec(path)?.[1] ?? 0));
    const last = Math.max(0, ...numbers);
    const other = last > 0 ? undefined : paths.find((path) => CATALOG_FILE.test(path));
    if (other !== undefined)
      throw new StreamkitError(
        "job",
        `${name} belongs to a catalog (it has ${other}), which alone says what is current: only tables of ` +
          "a file catalog (vN.metadata.json and version-hint.text) can be appended to",
      );
    return last;
  };
  /** From a version that was there on: later ones are looked for one by one. */
  const lastFrom = async (first: number): Promise<number> => {
    let number = first;
    while (await store.exists(fileOf(number + 1))) number += 1;
    return number;
  };
  /** With Hadoop's checksum, which stands beside what it wrote itself in a folder. */
  const removeFile = async (path: string): Promise<void> => {
    await store.remove(path);
    const [name = "", ...above] = path.split("/").toReversed();
    if (store.localFolder !== undefined)
      await store.remove([...above.toReversed(), `.${name}.crc`].join("/"));
  };
  const writeHint = async (number: number): Promise<void> => {
    // Hadoop's checksum of a hint that it wrote itself: it would refuse this one.
    if (store.localFolder !== undefined) await store.remove(at(`.${HINT}.crc`));
    await store.write(at(HINT), String(number));
  };
  /** Whoever came later may have written the hint before us. */
  const hint = async (number: number): Promise<void> => {
    await writeHint(number);
    const last = await lastFrom(number);
    if (last > number) await writeHint(last);
  };
  /** False where there is such a version already, unless it is this very one: an answer may get lost. */
  const create = async (number: number, text: string): Promise<boolean> =>
    (await store.create(fileOf(number), text)) || (await textAt(number)) === text;

  return {
    async latest() {
      const first = Math.max(await hinted(), known?.number ?? 0);
      let number = first === 0 ? 0 : await lastFrom(first);
      let text = number === 0 ? undefined : await textAt(number);
      // A table that was made anew may have as many versions.
      if (number === known?.number && text === knownText) return known;
      if (text === undefined) {
        number = await listed();
        text = number === 0 ? undefined : await textAt(number);
      }
      if (text !== undefined) return versionOf(number, text);
      if (known === undefined) return undefined;
      throw new StreamkitError("io", `${name} is gone: somebody has removed it`, { component: "iceberg" });
    },
    async begin(metadata) {
      const text = metadataText(metadata);
      if (!(await create(1, text))) return undefined;
      failpoint("iceberg-begun");
      await hint(1);
      return versionOf(1, text);
    },
    async commit(after, next, nowMs) {
      const number = after.number + 1;
      const before = after.places.uriOf(`metadata/v${after.number}.metadata.json`);
      const { metadata, dropped } = following(after.metadata, before, next, nowMs);
      const text = metadataText(metadata);
      if (!(await create(number, text))) return undefined;
      // Who was away while many versions came and the oldest went has made one of the past: nobody reads it.
      if ((await hinted()) > number && (await textAt(number + 1)) === undefined) {
        await store.remove(fileOf(number));
        return undefined;
      }
      failpoint("iceberg-committed");
      await hint(number);
      failpoint("iceberg-hinted");
      for (const uri of dropped) await removeFile(after.places.pathOf(uri));
      return versionOf(number, text);
    },
  };
}
