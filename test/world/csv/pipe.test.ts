/** A pipe: what comes in the first second counts for the types, and a record may come in two pieces. */

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { rowsOf, start, streamkit } from "../../support/running.ts";
import { until } from "../../support/until.ts";

const JOB = ["process", "--sql", "SELECT * FROM input"];
const CSV = [...JOB, "--format", "csv"];

describe("types of a pipe", () => {
  test("a fraction just after a whole number is still in time", async () => {
    await using running = await start(JOB);
    await running.feed('{"p":100}\n');
    await running.feed('{"p":100.75}\n');
    await until("both rows", () => running.stdout().split("\n").length > 2);
    await running.endInput();
    const { stdout, stderr } = await running.finished();
    expect([stdout, stderr.includes("dead letter")]).toEqual(['{"p":100.0}\n{"p":100.75}\n', false]);
  });

  test("what then does not fit is a dead letter, and the way out is told to copy", async () => {
    await using running = await start(JOB);
    await running.feed('{"id":100,"odd name":"a"}\n');
    await until("the first row", () => running.stdout() !== "");
    await running.feed('{"id":"A17","odd name":"b"}\n');
    await running.endInput();
    const { stdout, stderr } = await running.finished();
    expect(stdout).toBe('{"id":100,"odd name":"a"}\n');
    expect(stderr).toContain('--schema "id VARCHAR, \\"odd name\\" VARCHAR"');
    expect(stderr).toContain("1 dead letter");
  });

  test("a header alone waits for its first line", async () => {
    await using running = await start(CSV);
    await running.feed("a,b\n");
    await running.feed("1,x\n");
    await until("the row", () => running.stdout() !== "");
    await running.endInput();
    expect((await running.finished()).stdout).toBe('{"a":1,"b":"x"}\n');
  });

  test("a broken first line is passed over where others follow in time", async () => {
    const { stdout, stderr } = await streamkit(JOB, { input: 'noise\n{"a":1}\n' });
    expect([rowsOf(stdout), stderr.includes("1 dead letter")]).toEqual([[{ a: 1 }], true]);
  });
});

describe("records of several lines", () => {
  test("come in pieces, and are whole", async () => {
    await using running = await start([...CSV, "--schema", "id BIGINT, text VARCHAR", "--batch", "0"]);
    await running.feed('id,text\n1,a\n2,"b\n');
    await until("the record before", () => running.stdout() !== "");
    await running.feed("c\n");
    await running.feed('d"\n3,e\n');
    await running.endInput();
    const { stdout, stderr } = await running.finished();
    expect(rowsOf(stdout)).toEqual([
      { id: 1, text: "a" },
      { id: 2, text: "b\nc\nd" },
      { id: 3, text: "e" },
    ]);
    expect(stderr).not.toContain("dead letter");
  });

  test("that are never closed give back what follows at the end", async () => {
    const { stdout, stderr } = await streamkit(CSV, { input: 'id,text\n1,"open\n2,b\r\n3,c' });
    expect(rowsOf(stdout)).toEqual([
      { id: 2, text: "b" },
      { id: 3, text: "c" },
    ]);
    expect(stderr).toContain("1 dead letter");
  });
});

test("delimiters, line ends and identifiers are as in files", async () => {
  const input = "\uFEFFsymbol;zip;n\r\n000001;00501;1\n600519;12345;2,5\r\n";
  expect((await streamkit(CSV, { input })).stdout).toBe(
    '{"symbol":"000001","zip":"00501","n":"1"}\n{"symbol":"600519","zip":"12345","n":"2,5"}\n',
  );
  const odd = await streamkit([...CSV, "--delimiter", String.raw`\t`], { input: "a;b\tc\n1\t2\n" });
  expect(odd.stdout).toBe('{"a;b":1,"c":2}\n');
});

test("an archive on the pipe is told as what it is, whether the columns are declared or not", async () => {
  for (const more of [[], ["--schema", "a VARCHAR"]]) {
    const { code, stderr } = await streamkit([...CSV, ...more], { input: Buffer.from("PK\u0003\u0004abc") });
    expect([code, stderr.includes("The standard input is a zip archive")]).toEqual([1, true]);
  }
});

test("files without a byte end a bounded run at once", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "empty.csv"), "");
  const args = ["process", "--in", "file:empty.csv", "--once", "--sql", "SELECT * FROM input"];
  for (const format of ["csv", "json"]) {
    const { code, stderr } = await streamkit([...args, "--format", format], { cwd: folder.path });
    expect([code, stderr.includes("ended without a line")]).toEqual([0, true]);
  }
});
