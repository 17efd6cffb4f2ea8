/** `streamkit tail` as a person runs it. */

import { beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freshName } from "../kafka/sink-job.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf, type StoredRecord } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, shell, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { filesIn } from "./following.ts";

test("writes lines as they come, and ends cleanly by a signal with its position kept", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  const position = path.join(folder.path, "position");
  files.add("a.log", "1\n");
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    await using tail = await start(["tail", path.join(folder.path, "*.log"), "--position", position]);
    files.add("b.log", `${signal}\n`);
    await until("the line", () => tail.stdout().includes(`${signal}\n`));
    tail.kill(signal);
    expect((await tail.finished()).code).toBe(code);
  }
  const again = ["tail", path.join(folder.path, "*.log"), "--position", position, "--once"];
  expect(await output(again)).toBe("");
  expect(readFileSync(position, "utf8").split("\n")[1]).toContain('"path"');
});

test("--once: what is there now, and the next run goes on; a half line waits for it", async () => {
  using folder = emptyFolder();
  const files = filesIn(folder.path);
  files.add("a.log", "1\n2");
  const args = ["tail", path.join(folder.path, "a.log"), "--once"];
  expect(await output(args)).toBe("1\n2\n");
  const kept = [...args, "--position", path.join(folder.path, "position")];
  expect(await output(kept)).toBe("1\n");
  files.add("a.log", "2\n3\n");
  expect(await output(kept)).toBe("22\n3\n");
});

test("files are appended to; what a dying run left of a line is cut off, as it comes again", async () => {
  using folder = emptyFolder();
  const [log, out] = [path.join(folder.path, "a.log"), path.join(folder.path, "out")];
  const args = ["tail", log, "--out", `file:${out}`, "--once"];
  writeFileSync(log, "1\n");
  writeFileSync(out, "mine\nhalf of mine");
  await output(args);
  expect(readFileSync(out, "utf8")).toBe("mine\nhalf of mine\n1\n");
  const kept = [...args, "--position", path.join(folder.path, "position")];
  await output(kept);
  appendFileSync(out, "2 that is ha");
  appendFileSync(log, "2 that is half there\n");
  await output(kept);
  expect(readFileSync(out, "utf8")).toBe("mine\nhalf of mine\n1\n1\n2 that is half there\n");
});

test("where nothing matches yet, it says so and waits for it", async () => {
  using folder = emptyFolder();
  const log = path.join(folder.path, "later.log");
  await using tail = await start(["tail", log]);
  await until("the word", () => tail.stderr().includes(`no file matches "${log}" yet`));
  writeFileSync(log, "1\n");
  await until("the line", () => tail.stdout() === "1\n");
});

test("with --once a file that is not there is refused, unless it was read before", async () => {
  using folder = emptyFolder();
  const log = path.join(folder.path, "app.log");
  for (const args of [[], ["--out", `roll:${path.join(folder.path, "out")}`]]) {
    const { code, stderr } = await streamkit(["tail", log, "--once", ...args], { cwd: folder.path });
    expect(code).toBe(1);
    expect(stderr).toContain(`There is no file "${log}"`);
    expect((await streamkit(["tail", `${log}*`, "--once", ...args], { cwd: folder.path })).stderr).toContain(
      `No file matches "${log}*"`,
    );
  }
  const job = ["process", "--in", `tail:${log}`, "--schema", "id BIGINT", "--sql", "FROM input", "--once"];
  expect(await streamkit(job)).toMatchObject({ code: 1, stdout: "" });
  expect(await streamkit([...job, "--allow-empty"])).toMatchObject({ code: 0 });
  writeFileSync(log, "1\n");
  const again = ["tail", log, "--once", "--position", path.join(folder.path, "position")];
  expect(await output(again)).toBe("1\n");
  rmSync(log);
  expect(await output(again)).toBe("");
});

test("a folder is no file, and it says what its files are", async () => {
  using folder = emptyFolder();
  const { code, stderr } = await streamkit(["tail", folder.path, "--once"]);
  expect(code).toBe(0);
  expect(stderr).toBe(`streamkit: "${folder.path}" is a folder: its files are "${folder.path}/*"\n`);
});

test("what it writes itself is not followed, wherever it stands", async () => {
  using folder = emptyFolder();
  const at = (name: string): string => path.join(folder.path, name);
  writeFileSync(at("a.log"), "1\n");
  const tail = `$S tail "${at("*")}" --position ${at("position.log")}`;
  for (let time = 0; time < 2; time += 1)
    expect((await shell(`${tail} --out file:${at("out.log")} --out - --once > ${at("new.log")}`)).code).toBe(
      0,
    );
  expect(readFileSync(at("out.log"), "utf8")).toBe("1\n");
});

test("the position is kept only when outputs have what is before it", async () => {
  using folder = emptyFolder();
  const log = path.join(folder.path, "a.log");
  const position = path.join(folder.path, "position");
  writeFileSync(log, "line\n".repeat(100_000));
  const full = ["tail", log, "--position", position, "--once", "--out", "file:/dev/full"];
  const { code, stderr } = await streamkit(full);
  expect({ code, lines: stderr.trim().split("\n").length }).toEqual({ code: 1, lines: 1 });
  expect(existsSync(position) ? readFileSync(position, "utf8") : "").not.toContain('"offset":500000');
  const lines = await output(["tail", log, "--position", position, "--once"]);
  expect(lines.length).toBe(500_000);
});

test("a reader that goes away is no error", async () => {
  using folder = emptyFolder();
  const log = path.join(folder.path, "a.log");
  writeFileSync(log, "line\n".repeat(1_000_000));
  const { code, stdout } = await shell(`set -o pipefail; $S tail ${log} --once | head -n 1`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "line\n" });
});

describe("what is wrong is one line, before anything is read", () => {
  for (const [args, words] of [
    [["--from", "middle"], "--from must be start or end"],
    [["--out", "mqtt://x:1"], "--out: an output is one of"],
    [["--header", "novalue"], "--header must be NAME=VALUE"],
    [["--max-line", "long"], "--max-line must be a size"],
    [["--encoding", "klingon"], '"klingon" is not known'],
    [["--multiline", "("], "is no regular expression"],
    [["--multiline", "a", "--continued", "b"], "exclude each other"],
  ] as const)
    test(args.join(" "), async () => {
      const { code, stderr } = await streamkit(["tail", "/dev/null", "--once", ...args]);
      expect({ code, lines: stderr.trim().split("\n").length }).toEqual({ code: 2, lines: 1 });
      expect(stderr).toContain(words);
    });
});

describe("to Kafka", () => {
  let kafka: KafkaService;
  beforeAll(async () => {
    kafka = await sharedKafka();
  });

  test("a message an event, keyed by its file, with headers, acknowledged before the position", async () => {
    using folder = emptyFolder();
    const files = filesIn(folder.path);
    const topic = freshName("tailed");
    await kafka.createTopic(topic, { partitions: 3 });
    files.add("a.log", "1 a\n  b\n2 c\n");
    files.add("b.log", "3 d\n");
    const headers = ["--header", "host=web-1", "--header", "odd=\\x"];
    const args = ["tail", path.join(folder.path, "*.log"), "--multiline", "^\\d", ...headers, "--once"];
    const kept = ["--position", path.join(folder.path, "position")];
    await output([...args, ...kept, "--out", `kafka://${kafka.brokers}/${topic}`]);
    await output([...args, ...kept, "--out", `kafka://${kafka.brokers}/${topic}`]);
    const records = (await kafka.judge.read(topic)).toSorted((x, y) =>
      textOf(x.value) < textOf(y.value) ? -1 : 1,
    );
    expect(records.map(({ value }) => value)).toEqual(["1 a\n  b", "2 c", "3 d"]);
    expect(records.map(({ key }) => path.basename(textOf(key)))).toEqual(["a.log", "a.log", "b.log"]);
    expect(records[0]?.headers).toEqual([
      ["host", "web-1"],
      ["odd", "\\x"],
    ]);
  });

  test("lines of many files come once, each file's in order", async () => {
    using folder = emptyFolder();
    const topic = freshName("tailed");
    await kafka.createTopic(topic, { partitions: 3 });
    for (const name of ["a", "b", "c"])
      writeFileSync(
        path.join(folder.path, `${name}.log`),
        Array.from({ length: 30_000 }, (_, n) => `${name} ${n}\n`).join(""),
      );
    await output([
      "tail",
      path.join(folder.path, "*.log"),
      "--once",
      "--out",
      `kafka://${kafka.brokers}/${topic}`,
    ]);
    const records = await kafka.judge.read(topic);
    for (const name of ["a", "b", "c"]) {
      const own = records.filter(({ key }) => path.basename(textOf(key)) === `${name}.log`);
      expect(own.map(({ value }) => value)).toEqual(Array.from({ length: 30_000 }, (_, n) => `${name} ${n}`));
    }
  });
});

function textOf(value: StoredRecord["value"]): string {
  return bytesOf(value)?.toString() ?? "";
}
