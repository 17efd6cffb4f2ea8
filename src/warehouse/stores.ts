/** The stores there are, by the URL that names a warehouse. */

import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { openHdfsStore } from "./hdfs-store.ts";
import { openLocalStore } from "./local-store.ts";
import { openS3 } from "./s3.ts";
import { openS3Store } from "./s3-store.ts";
import type { Store } from "./store.ts";
import { openWebHdfs } from "./webhdfs.ts";

export interface StoreContext {
  readonly baseFolder: string;
  readonly clock: Clock;
  /** Environment variables: where credentials are. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const SCHEMES = new Set(["file", "webhdfs", "swebhdfs", "s3", "s3a"]);
const LEADING_FILE = /^file:(?:\/\/(?=\/))?/i;
const KINDS = "a folder, webhdfs://HOST:PORT/PATH or s3://BUCKET/PREFIX";

/** What is wrong with a warehouse's name, as far as its first letters tell; undefined if nothing. */
export function warehouseProblem(warehouse: string): string | undefined {
  const scheme = schemeOf(warehouse);
  if (scheme === undefined || SCHEMES.has(scheme)) return undefined;
  return scheme === "hdfs"
    ? "HDFS is written over WebHDFS, at the name node's HTTP port: webhdfs://HOST:9870/PATH, " +
        `found "${warehouse}"`
    : `a warehouse is ${KINDS}: found "${warehouse}"`;
}

/** A folder, relative to `baseFolder`, or a URL. Throws code `job` where nothing is meant by it. */
export function openStore(warehouse: string, context: StoreContext): Store {
  const scheme = schemeOf(warehouse);
  switch (scheme) {
    case undefined:
      return openLocalStore(path.resolve(context.baseFolder, warehouse));
    case "file":
      return openLocalStore(path.resolve(context.baseFolder, warehouse.replace(LEADING_FILE, "")));
    case "webhdfs":
    case "swebhdfs":
      return hdfsStore(warehouse, scheme === "swebhdfs" ? "https" : "http", context);
    case "s3":
    case "s3a":
      return s3Store(warehouse, context);
    default:
      throw new StreamkitError("job", warehouseProblem(warehouse) ?? "");
  }
}

/**
 * A place however it is spelled: a folder in full, a URL without `s3a` and slashes for nothing. HDFS has a
 * name for each of its name nodes, whoever asks them: lists that have one in common are of the same HDFS, so
 * that a name node may come or go.
 */
export function plainPlaces(place: string, baseFolder: string): readonly string[] {
  const scheme = schemeOf(place);
  if (scheme === undefined || scheme === "file")
    return [path.resolve(baseFolder, place.replace(LEADING_FILE, ""))];
  const rest = place
    .slice(scheme.length + 1)
    .replaceAll(/\/+/g, "/")
    .replace(/\/$/, "");
  if (!scheme.endsWith("webhdfs")) return [`${scheme === "s3a" ? "s3" : scheme}:${rest}`];
  const [, nodes = "", below = ""] = /^\/(?:[^@/]*@)?([^/]*)(.*)$/s.exec(rest) ?? [];
  return nodes.split(",").map((node) => `${scheme}:/${node.toLowerCase()}${below}`);
}

/** Whether the warehouse is somewhere else than on this machine. */
export function isRemote(warehouse: string): boolean {
  const scheme = schemeOf(warehouse);
  return scheme !== undefined && scheme !== "file";
}

function schemeOf(warehouse: string): string | undefined {
  return /^([A-Za-z][\w+.-]+):/.exec(warehouse)?.[1]?.toLowerCase();
}

/** `webhdfs://[USER@]HOST:PORT[,HOST:PORT…]/PATH` */
function hdfsStore(url: string, protocol: string, { clock, env }: StoreContext): Store {
  const match = /^\w+:\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*?))?\/*$/.exec(url);
  const nameNodes = (match?.[2] ?? "").split(",");
  if (match === null || nameNodes.some((node) => !/^(?:[\w.-]+|\[[\da-fA-F:]+\])(?::\d+)?$/.test(node)))
    throw new StreamkitError(
      "job",
      `HDFS is webhdfs://HOST:PORT/PATH, with several name nodes webhdfs://HOST:PORT,HOST:PORT/PATH: ` +
        `found "${url}"`,
    );
  const hdfs = openWebHdfs({
    protocol,
    nameNodes,
    user: match[1] ?? env["HADOOP_USER_NAME"] ?? env["USER"] ?? env["LOGNAME"] ?? "streamkit",
    token: env["WEBHDFS_DELEGATION_TOKEN"],
    clock,
  });
  return openHdfsStore(hdfs, url.replace(/\/+$/, ""), match[3] ?? "");
}

const DEFAULT_REGION = "us-east-1";

/** `s3://BUCKET/PREFIX`; where it is and who we are is said by the variables that AWS's own tools read. */
function s3Store(url: string, { clock, env }: StoreContext): Store {
  const match = /^\w+:\/\/([a-z0-9][a-z0-9.-]+[a-z0-9])(?:\/(.*?))?\/*$/.exec(url);
  const bucket = match?.[1];
  if (bucket === undefined)
    throw new StreamkitError("job", `An S3 store is s3://BUCKET/PREFIX: found "${url}"`);
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new StreamkitError(
      "job",
      `"${url}" needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment`,
    );
  const s3 = openS3({
    bucket,
    endpoint: env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"],
    region: env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? DEFAULT_REGION,
    accessKeyId,
    secretAccessKey,
    sessionToken: env["AWS_SESSION_TOKEN"],
    clock,
  });
  return openS3Store(s3, url.replace(/\/+$/, ""), match?.[2] ?? "");
}
