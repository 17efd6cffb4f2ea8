/**
 * A bucket as a store. There are no folders, only keys that begin alike, and nothing can be renamed: a file
 * comes under its last name at once, and only where nothing has that name (`If-None-Match: *`), so that two
 * runs of a job that think they are alone can't write over each other.
 */

import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { rm } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { type S3, S3Refusal, textsIn } from "./s3.ts";
import { joinPath, type Publication, type Store, type StoredFile } from "./store.ts";
import { inParallel, saveBody } from "./transfers.ts";

const MAX_TRANSFERS = 4;
const NOT_FOUND = 404;
const NAME_IS_TAKEN = 412;

/** `root` is what the warehouse's keys begin with. */
export function openS3Store(s3: S3, url: string, root: string): Store {
  const keyOf = (path: string): string => joinPath(root, path);
  const prefixOf = (folder: string): string => (keyOf(folder) === "" ? "" : `${keyOf(folder)}/`);
  const pathOf = (key: string): string => (root === "" ? key : key.slice(root.length + 1));

  /** Pages of a listing. */
  async function* pages(folder: string, more: Readonly<Record<string, string>>): AsyncGenerator<string> {
    for (let token: string | undefined; ; ) {
      const query = {
        "list-type": "2",
        "encoding-type": "url",
        prefix: prefixOf(folder),
        ...more,
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const xml = await (await s3({ method: "GET", key: "", query })).text();
      yield xml;
      [token] = textsIn(xml, "NextContinuationToken");
      if (token === undefined) return;
    }
  }
  const list = async (folder: string): Promise<readonly StoredFile[]> => {
    const files: StoredFile[] = [];
    for await (const xml of pages(folder, {})) {
      const [keys, sizes, times] = ["Key", "Size", "LastModified"].map((name) => textsIn(xml, name));
      for (const [index, key] of (keys ?? []).entries())
        files.push({
          path: pathOf(decoded(key)),
          sizeBytes: Number(sizes?.[index]),
          modifiedAtMs: Date.parse(times?.[index] ?? ""),
        });
    }
    return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  };
  const removeOne = async (path: string): Promise<void> => {
    await s3({ method: "DELETE", key: keyOf(path) }, [NOT_FOUND]);
  };
  const readFrom = async (path: string, headers: Readonly<Record<string, string>>) => {
    const answer = await s3({ method: "GET", key: keyOf(path), headers }, [NOT_FOUND]);
    if (answer.status !== NOT_FOUND) return new Uint8Array(await answer.arrayBuffer());
    const [code] = textsIn(await answer.text(), "Code");
    if (code === "NoSuchBucket") throw new S3Refusal(NOT_FOUND, `There is no such bucket: ${url}`);
    return undefined;
  };
  /** False where something has the name. */
  const putNew = async (path: string, body: Blob | string): Promise<boolean> => {
    const headers = { "if-none-match": "*" };
    const answer = await s3({ method: "PUT", key: keyOf(path), body, headers }, [NAME_IS_TAKEN]);
    await answer.arrayBuffer();
    return answer.status !== NAME_IS_TAKEN;
  };
  const putFile = async ({ from, to }: Publication): Promise<void> => {
    if (!(await putNew(to, await openAsBlob(from))) && !(await isSame(to, from)))
      throw new StreamkitError(
        "io",
        `Somebody else has written "${to}" in ${url}: does another run of this job write to the same table?`,
        { component: "s3" },
      );
    failpoint("s3-put");
    await rm(from);
  };
  /** Whether it came by an attempt whose answer was lost. An entity tag of one piece is its MD5. */
  const isSame = async (path: string, localFile: string): Promise<boolean> => {
    const answer = await s3({ method: "HEAD", key: keyOf(path) }, [NOT_FOUND]);
    return answer.headers.get("etag")?.replaceAll('"', "") === (await md5Of(localFile));
  };

  return {
    url,
    hasRename: false,
    localFolder: undefined,
    list,
    async folders(folder) {
      const names: string[] = [];
      for await (const xml of pages(folder, { delimiter: "/" }))
        for (const common of textsIn(xml, "CommonPrefixes"))
          for (const prefix of textsIn(common, "Prefix"))
            names.push(decoded(prefix).slice(prefixOf(folder).length, -1));
      return names.toSorted();
    },
    async exists(path) {
      const answer = await s3({ method: "HEAD", key: keyOf(path) }, [NOT_FOUND]);
      if (answer.status !== NOT_FOUND) return true;
      for await (const xml of pages(path, { "max-keys": "1" })) return textsIn(xml, "Key").length > 0;
      return false;
    },
    read: (path) => readFrom(path, {}),
    readPart: (path, offset, length) => readFrom(path, { range: `bytes=${offset}-${offset + length - 1}` }),
    async download(path, localFile) {
      const { body } = await s3({ method: "GET", key: keyOf(path) });
      if (body !== null) await saveBody(body, localFile);
    },
    async put(files) {
      await inParallel(files, MAX_TRANSFERS, putFile);
    },
    async write(path, text) {
      await s3({ method: "PUT", key: keyOf(path), body: text });
    },
    create: putNew,
    async rename(from, to) {
      throw new StreamkitError("bug", `S3 can't rename "${from}" to "${to}"`);
    },
    async remove(path) {
      await removeOne(path);
      const below = await list(path);
      await inParallel(below, MAX_TRANSFERS, ({ path: name }) => removeOne(name));
    },
  };
}

/** As `encoding-type=url` has keys. */
function decoded(key: string): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash("md5");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
