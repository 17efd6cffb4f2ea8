/**
 * HDFS as a store, over WebHDFS. A file is created in the writer's staging folder and then renamed, which is
 * one step of the name node. A file that is closed is with its data nodes; whether these have it on disk is
 * theirs to say (`dfs.datanode.synconclose`).
 */

import { openAsBlob } from "node:fs";
import { rm } from "node:fs/promises";
import nodePath from "node:path";
import { failpoint } from "../base/failpoint.ts";
import { hiddenName, joinPath, parentOf, type Store, type StoredFile } from "./store.ts";
import { inParallel, saveBody } from "./transfers.ts";
import { HdfsRefusal, type WebHdfs } from "./webhdfs.ts";

interface FileStatus {
  readonly pathSuffix: string;
  readonly type: "FILE" | "DIRECTORY";
  readonly length: number;
  readonly modificationTime: number;
}

const MAX_TRANSFERS = 4;

/** `root` is the path of the warehouse in HDFS. */
export function openHdfsStore(hdfs: WebHdfs, url: string, root: string): Store {
  const at = (path: string): string => joinPath(root, path);

  const entries = async (folder: string): Promise<readonly FileStatus[]> => {
    const answer = (await hdfs.ask("GET", at(folder), "LISTSTATUS")) as
      | { FileStatuses: { FileStatus: readonly FileStatus[] } }
      | undefined;
    // Of a file it is the file itself, without a name.
    return (answer?.FileStatuses.FileStatus ?? []).filter(({ pathSuffix }) => pathSuffix !== "");
  };
  const list = async (folder: string): Promise<readonly StoredFile[]> => {
    const found = await entries(folder);
    const files = found
      .filter(({ type }) => type === "FILE")
      .map(({ pathSuffix, length, modificationTime }) => ({
        path: joinPath(folder, pathSuffix),
        sizeBytes: length,
        modifiedAtMs: modificationTime,
      }));
    const folders = found.filter(({ type }) => type === "DIRECTORY");
    const below = await inParallel(folders, MAX_TRANSFERS, ({ pathSuffix }) =>
      list(joinPath(folder, pathSuffix)),
    );
    return [...files, ...below.flat()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  };
  const makeFolders = async (folders: readonly string[]): Promise<void> => {
    for (const folder of new Set(folders)) await hdfs.ask("PUT", at(folder), "MKDIRS");
  };
  const rename = async (from: string, to: string, renameoptions: "NONE" | "OVERWRITE"): Promise<void> => {
    try {
      const destination = `/${at(to)}`;
      const done = await hdfs.ask("PUT", at(from), "RENAME", { destination, renameoptions });
      if (done !== undefined) return;
    } catch (error) {
      if (!(error instanceof HdfsRefusal) || error.exception !== "FileNotFoundException") throw error;
    }
    // The answer to a first attempt may have been lost: then it is done.
    const [was, is] = [await status(from), await status(to)];
    if (was !== undefined || is === undefined)
      throw new HdfsRefusal(
        "FileNotFoundException",
        `HDFS can't rename "${from}" to "${to}": it isn't there`,
      );
  };
  const status = async (path: string): Promise<FileStatus | undefined> => {
    const answer = await hdfs.ask("GET", at(path), "GETFILESTATUS");
    return (answer as { FileStatus: FileStatus } | undefined)?.FileStatus;
  };
  const stage = async (path: string, text: string): Promise<string> => {
    const staged = joinPath(parentOf(path), hiddenName());
    await hdfs.create(at(staged), text);
    return staged;
  };
  const remove = async (path: string): Promise<void> => {
    await hdfs.ask("DELETE", at(path), "DELETE", { recursive: "true" });
  };

  return {
    url,
    hasRename: true,
    localFolder: undefined,
    list,
    async folders(folder) {
      const found = await entries(folder);
      return found.filter(({ type }) => type === "DIRECTORY").map(({ pathSuffix }) => pathSuffix);
    },
    async exists(path) {
      const found = await status(path);
      return found?.type === "DIRECTORY" ? (await list(path)).length > 0 : found !== undefined;
    },
    async read(path) {
      const answer = await hdfs.open(at(path));
      return answer === undefined ? undefined : new Uint8Array(await answer.arrayBuffer());
    },
    async readPart(path, offset, length) {
      const answer = await hdfs.open(at(path), { offset, length });
      return answer === undefined ? undefined : new Uint8Array(await answer.arrayBuffer());
    },
    async download(path, localFile) {
      const answer = await hdfs.open(at(path));
      if (answer?.body === undefined || answer.body === null)
        throw new HdfsRefusal("FileNotFoundException", `HDFS has no file "${path}" in ${url}`);
      await saveBody(answer.body, localFile);
    },
    async put(files, { staging }) {
      const staged = files.map(({ from }, index) => joinPath(staging, `${index}-${nodePath.basename(from)}`));
      await inParallel(files, MAX_TRANSFERS, async ({ from }, index) => {
        await hdfs.create(at(staged[index] ?? ""), await openAsBlob(from));
        failpoint("hdfs-created");
      });
      await makeFolders(files.map(({ to }) => parentOf(to)));
      for (const [index, { from, to }] of files.entries()) {
        await rename(staged[index] ?? "", to, "OVERWRITE");
        failpoint("hdfs-renamed");
        await rm(from, { force: true });
      }
    },
    async write(path, text) {
      // There is no half of an empty file.
      if (text === "") return hdfs.create(at(path), text);
      await rename(await stage(path, text), path, "OVERWRITE");
    },
    async create(path, text) {
      const staged = await stage(path, text);
      try {
        await rename(staged, path, "NONE");
        return true;
      } catch (error) {
        if (!(error instanceof HdfsRefusal) || error.exception !== "FileAlreadyExistsException") throw error;
        await remove(staged);
        return false;
      }
    },
    async rename(from, to) {
      await makeFolders([parentOf(to)]);
      await rename(from, to, "NONE");
    },
    remove,
  };
}
