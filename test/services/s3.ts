/**
 * A server that speaks S3 on 127.0.0.1: moto, from PyPI, which keeps everything in memory. It knows
 * conditional writes, and has each request's signature made again by Amazon's own library (botocore).
 */

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { until } from "../support/until.ts";
import { cachedFolder, command, hashOf } from "./cache.ts";
import { dyingWithParent, tailOf } from "./jvm.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";

const PACKAGES = ["moto[server]==5.2.5"];

export interface S3Service extends AsyncDisposable {
  readonly endpoint: string;
  /** What a client finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
  createBucket(name: string): Promise<void>;
}

/** What a first use installs. */
export function s3Environment(): Promise<string> {
  return cachedFolder("python", `s3-${hashOf(...PACKAGES)}`, async (folder) => {
    await command("python3", ["-m", "venv", folder], { debianPackage: "python3-venv" });
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", ...PACKAGES];
    await command(join(folder, "bin/python"), pip, { debianPackage: "python3-venv" });
  });
}

async function startS3(): Promise<S3Service> {
  const environment = await s3Environment();
  const [port = 0] = await freePorts(1);
  const folder = serverFolder();
  const logFile = join(folder.path, "s3.log");
  const log = openSync(logFile, "w");
  const program = [
    join(environment, "bin/python"),
    "-m",
    "moto.server",
    "-H",
    "127.0.0.1",
    "-p",
    String(port),
  ];
  const child = Bun.spawn(dyingWithParent(program), { stdin: "ignore", stdout: log, stderr: log });
  closeSync(log);
  child.unref();
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = (): Promise<boolean> =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  let keys: Keys;
  try {
    await until("an S3 server", async () => child.exitCode !== null || (await answers()));
    if (child.exitCode !== null) throw new Error(`The S3 server ended: ${tailOf(logFile)}`);
    keys = await newUser(endpoint);
  } catch (cause) {
    child.kill("SIGKILL");
    folder[Symbol.dispose]();
    throw cause;
  }
  const client = new AwsClient({ ...keys, service: "s3", region: "eu-north-1" });
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_REGION: "us-east-1",
    },
    async createBucket(name) {
      const answer = await client.fetch(`${endpoint}/${name}`, { method: "PUT", body: REGION_XML });
      if (!answer.ok) throw new Error(`CreateBucket: ${answer.status} ${await answer.text()}`);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      folder[Symbol.dispose]();
    },
  };
}

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Somebody who may do everything. */
async function newUser(endpoint: string): Promise<Keys> {
  const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
  const who = { Version: "2010-05-08", UserName: "tester" };
  const ask = async (parameters: Readonly<Record<string, string>>): Promise<string> => {
    const headers = { authorization: "AWS4-HMAC-SHA256 Credential=x/20260105/us-east-1/iam/aws4_request" };
    const body = new URLSearchParams({ ...who, ...parameters });
    const answer = await fetch(endpoint, { method: "POST", headers, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${parameters["Action"] ?? ""}: ${answer.status} ${text}`);
    return text;
  };
  // From the fourth action on, who asks must be known: the first three make somebody known.
  await fetch(`${endpoint}/moto-api/reset-auth`, { method: "POST", body: "3" });
  await ask({ Action: "CreateUser" });
  const xml = await ask({ Action: "CreateAccessKey" });
  await ask({ Action: "PutUserPolicy", PolicyName: "all", PolicyDocument: JSON.stringify(policy) });
  const part = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
  return { accessKeyId: part("AccessKeyId"), secretAccessKey: part("SecretAccessKey") };
}

const REGION_XML = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>`;

let shared: Promise<S3Service> | undefined;

/** One server for all tests of this process, gone with it: buckets need names of their own. */
export function sharedS3(): Promise<S3Service> {
  shared ??= startS3();
  return shared;
}
