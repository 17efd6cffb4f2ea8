/**
 * A server that speaks S3 on 127.0.0.1: moto, from PyPI, which keeps everything in memory. It knows
 * conditional writes and looks at signatures no closer than at their form.
 */

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { until } from "../server/until.ts";
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
  const client = new AwsClient({
    accessKeyId: "tester",
    secretAccessKey: "secret",
    service: "s3",
    region: "eu-north-1",
  });
  const answers = (): Promise<boolean> =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  try {
    await until("an S3 server", async () => child.exitCode !== null || (await answers()));
    if (child.exitCode !== null) throw new Error(`The S3 server ended: ${tailOf(logFile)}`);
  } catch (cause) {
    child.kill("SIGKILL");
    folder[Symbol.dispose]();
    throw cause;
  }
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: "tester",
      AWS_SECRET_ACCESS_KEY: "secret",
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

const REGION_XML = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>`;

let shared: Promise<S3Service> | undefined;

/** One server for all tests of this process, gone with it: buckets need names of their own. */
export function sharedS3(): Promise<S3Service> {
  shared ??= startS3();
  return shared;
}
