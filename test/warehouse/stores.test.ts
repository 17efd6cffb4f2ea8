/** Every store behaves as `src/warehouse/store.ts` says: one suite over all of them, with real servers. */

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { escapeValue } from "../../src/warehouse/partition-path.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";

setDefaultTimeout(120_000);

interface StoreKind {
  readonly name: string;
  /** An empty warehouse of its own. */
  open(): Promise<Store & Disposable>;
}

const KINDS: readonly StoreKind[] = [
  {
    name: "a folder",
    async open() {
      const folder = emptyFolder();
      const store = openStore("wh", { baseFolder: folder.path, clock: systemClock, env: {} });
      return { ...store, [Symbol.dispose]: () => folder[Symbol.dispose]() };
    },
  },
  {
    name: "HDFS",
    async open() {
      const { address } = await sharedHdfs();
      const url = `webhdfs://${address}/warehouses/${crypto.randomUUID()}`;
      const store = openStore(url, { baseFolder: "/", clock: systemClock, env: { USER: "alice" } });
      return { ...store, [Symbol.dispose]: () => undefined };
    },
  },
  {
    name: "S3",
    async open() {
      const { createBucket, env } = await sharedS3();
      const bucket = `b-${crypto.randomUUID()}`;
      await createBucket(bucket);
      const store = openStore(`s3://${bucket}/ware/house/`, { baseFolder: "/", clock: systemClock, env });
      return { ...store, [Symbol.dispose]: () => undefined };
    },
  },
];

for (const kind of KINDS)
  describe(kind.name, () => {
    // The first one starts a server.
    beforeAll(async () => (await kind.open())[Symbol.dispose](), 120_000);

    const text = async (store: Store, path: string): Promise<string | undefined> => {
      const bytes = await store.read(path);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString();
    };
    const paths = async (store: Store, folder: string): Promise<string[]> =>
      (await store.list(folder)).map(({ path }) => path);
    /** Puts texts by their paths. */
    const put = async (store: Store, files: Readonly<Record<string, string>>): Promise<void> => {
      using local = emptyFolder();
      const entries = Object.entries(files).map(([to, content], index) => {
        const from = join(local.path, `${index}.staged`);
        writeFileSync(from, content);
        return { from, to };
      });
      await store.put(entries, { staging: "t/_staging-me", isDurable: true });
      expect(entries.filter(({ from }) => existsSync(from))).toEqual([]);
      await store.remove("t/_staging-me");
    };

    test("what isn't there is empty, undefined or false, and no fault to remove", async () => {
      using store = await kind.open();
      expect(await store.list("t")).toEqual([]);
      expect(await store.folders("t")).toEqual([]);
      expect(await store.exists("t")).toBe(false);
      expect(await store.exists("t/f")).toBe(false);
      expect(await store.read("t/f")).toBeUndefined();
      expect(await store.readPart("t/f", 0, 1)).toBeUndefined();
      await store.remove("t");
      await store.remove("t/f");
    });

    test("files are put, listed with their sizes, read and downloaded", async () => {
      using store = await kind.open();
      await put(store, { "t/a=1/x.parquet": "one", "t/a=2/x.parquet": "three", "u/y.parquet": "" });
      expect(await store.list("t")).toMatchObject([
        { path: "t/a=1/x.parquet", sizeBytes: 3 },
        { path: "t/a=2/x.parquet", sizeBytes: 5 },
      ]);
      const [first] = await store.list("t");
      expect(Math.abs((first?.modifiedAtMs ?? 0) - Date.now())).toBeLessThan(600_000);
      expect(await paths(store, "")).toEqual(["t/a=1/x.parquet", "t/a=2/x.parquet", "u/y.parquet"]);
      expect(await store.folders("")).toEqual(["t", "u"]);
      expect(await store.folders("t")).toEqual(["a=1", "a=2"]);
      expect([await store.exists("t"), await store.exists("t/a=1/x.parquet")]).toEqual([true, true]);
      expect(await text(store, "u/y.parquet")).toBe("");
      const part = await store.readPart("t/a=2/x.parquet", 2, 3);
      expect(Buffer.from(part ?? []).toString()).toBe("ree");
      using local = emptyFolder();
      await store.download("t/a=2/x.parquet", join(local.path, "x"));
      expect(readFileSync(join(local.path, "x"), "utf8")).toBe("three");
    });

    test("a folder's name is no prefix: a=1 is not a=10", async () => {
      using store = await kind.open();
      await put(store, { "t/a=1/f": "1", "t/a=10/f": "10" });
      expect(await paths(store, "t/a=1")).toEqual(["t/a=1/f"]);
      await store.remove("t/a=1");
      expect(await paths(store, "t")).toEqual(["t/a=10/f"]);
      expect([await store.exists("t/a=1"), await store.exists("t/a")]).toEqual([false, false]);
    });

    test("what is put takes the place of what had its name, or is refused", async () => {
      using store = await kind.open();
      await put(store, { "t/f": "old" });
      if (!store.hasRename) {
        await put(store, { "t/f": "old" });
        expect(await put(store, { "t/f": "new" }).catch(messageOf)).toContain("Somebody else has written");
        expect(await text(store, "t/f")).toBe("old");
        return;
      }
      await put(store, { "t/f": "new", "t/g": "other" });
      expect([await text(store, "t/f"), await text(store, "t/g")]).toEqual(["new", "other"]);
    });

    test("names as Hive escapes them, and letters of every tongue", async () => {
      using store = await kind.open();
      const values = [
        "New York",
        "a/b:c=d%20e",
        "ä日本🎉",
        `"#'*?\\{[]^`,
        "~+&$!()@,;",
        "\u00e9",
        "e\u0301",
        "\u212b",
      ];
      const files = values.map((value, index) => [`t/p=${escapeValue(value)}/f`, String(index)]);
      await put(store, Object.fromEntries(files) as Record<string, string>);
      for (const [path = "", content] of files) expect(await text(store, path)).toBe(content);
      expect((await paths(store, "t")).toSorted()).toEqual(files.map(([path = ""]) => path).toSorted());
      expect(await store.folders("t")).toHaveLength(values.length);
      for (const [path = ""] of files) await store.remove(path);
      expect(await store.list("t")).toEqual([]);
    });

    test("texts are written over, or created where nothing is", async () => {
      using store = await kind.open();
      await store.write("t/_m/manifest.json", "1");
      await store.write("t/_m/manifest.json", "2");
      expect(await text(store, "t/_m/manifest.json")).toBe("2");
      expect(await store.create("t/_m/manifest.json", "3")).toBe(false);
      expect(await store.create("t/_m/lock", "mine")).toBe(true);
      expect(await text(store, "t/_m/manifest.json")).toBe("2");
      // Nothing is left of how it was done.
      expect(await paths(store, "t")).toEqual(["t/_m/lock", "t/_m/manifest.json"]);
    });

    test("of many who create the same file one succeeds", async () => {
      using store = await kind.open();
      const done = await Promise.all(Array.from({ length: 8 }, (_, i) => store.create("t/lock", `${i}`)));
      expect(done.filter(Boolean)).toHaveLength(1);
      expect(await text(store, "t/lock")).toBe(String(done.indexOf(true)));
      expect(await paths(store, "t")).toEqual(["t/lock"]);
    });

    test("a rename moves a file, and a folder with all in it; or the store says that it can't", async () => {
      using store = await kind.open();
      await put(store, { "t/a=1/f": "1", "t/a=1/b=2/g": "2" });
      if (!store.hasRename) {
        expect(await store.rename("t/a=1", "t/a=2").catch(messageOf)).toContain("can't rename");
        return;
      }
      await store.rename("t/a=1", "u/x/a=2");
      expect(await paths(store, "")).toEqual(["u/x/a=2/b=2/g", "u/x/a=2/f"]);
      await store.rename("u/x/a=2/f", "u/f");
      expect(await text(store, "u/f")).toBe("1");
    });

    test("many and large files", async () => {
      using store = await kind.open();
      const large = "0123456789abcdef".repeat(2 ** 16);
      await put(
        store,
        Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`t/p=${i % 3}/f${i}`, `${i}`])),
      );
      await put(store, { "t/large": large });
      expect(await store.list("t")).toHaveLength(13);
      expect(await text(store, "t/large")).toBe(large);
    });
  });

test("S3: who has another key is refused in words, and a bucket that isn't there is told", async () => {
  const { createBucket, env } = await sharedS3();
  const bucket = `b-${crypto.randomUUID()}`;
  await createBucket(bucket);
  const context = { baseFolder: ".", clock: systemClock };
  const forged = openStore(`s3://${bucket}`, {
    ...context,
    env: { ...env, AWS_SECRET_ACCESS_KEY: "another" },
  });
  expect(await forged.list("").catch(messageOf)).toContain("SignatureDoesNotMatch");
  const nowhere = openStore(`s3://${bucket}-x`, { ...context, env });
  expect(await nowhere.read("t/f").catch(messageOf)).toContain("There is no such bucket");
  expect(() => openStore(`s3://${bucket}`, { ...context, env: {} })).toThrow("AWS_ACCESS_KEY_ID");
});
