/** Tables are written to HDFS and S3, and read back, in Bun and in Deno alike. */

import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type HdfsService, sharedHdfs } from "../services/hdfs.ts";
import { type S3Service, sharedS3 } from "../services/s3.ts";
import { run } from "../support/binary.ts";
import { rowsOf } from "../support/running.ts";
import { DENO } from "./deno.ts";

const TIMEOUT_MS = 240_000;
const root = join(import.meta.dir, "../..");
const main = join(root, "src/main.ts");
const RUNTIMES: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  bun: [join(root, "node_modules/.bin/bun"), main],
  deno: [DENO, "run", "-A", main],
};

let hdfs: HdfsService;
let s3: S3Service;
beforeAll(async () => {
  [hdfs, s3] = await Promise.all([sharedHdfs(), sharedS3()]);
}, TIMEOUT_MS);

const PLACES: Readonly<Record<string, () => Promise<string>>> = {
  HDFS: async () => `webhdfs://alice@${hdfs.address}/${crypto.randomUUID()}`,
  async S3() {
    const bucket = `b-${crypto.randomUUID()}`;
    await s3.createBucket(bucket);
    return `s3://${bucket}`;
  },
};

for (const [runtime, [program, ...args]] of Object.entries(RUNTIMES))
  for (const [name, place] of Object.entries(PLACES))
    test(
      `${name} in ${runtime}`,
      async () => {
        const warehouse = await place();
        const env = { ...process.env, ...s3.env } as Record<string, string>;
        const input = Array.from({ length: 1000 }, (_, n) => `{"n":${n},"city":"New York ${n % 3}"}\n`).join(
          "",
        );
        const call = async (command: readonly string[]): Promise<string> => {
          const { code, stdout, stderr } = await run(program, [...args, ...command], { env, input });
          expect({ code, stderr }).toMatchObject({ code: 0 });
          return stdout;
        };
        await call(["write", "--warehouse", warehouse, "--table", "t", "--partition-by", "city"]);
        const query = "SELECT count(*) AS c, sum(n)::BIGINT AS s FROM t WHERE city <> 'New York 0'";
        const answer = await call(["query", query, "--warehouse", warehouse, "--format", "ndjson"]);
        expect(rowsOf(answer)).toEqual([{ c: 666, s: 332_667 }]);
      },
      TIMEOUT_MS,
    );
