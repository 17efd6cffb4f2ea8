/** Files are read the oldest first, however rotation or people name them. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { createRandom, oneOf } from "../../../src/simulate/random.ts";
import { openFileOrder } from "../../../src/sources/file-order.ts";

const root = mkdtempSync(path.join(tmpdir(), "streamkit-order-"));
afterAll(() => rmSync(root, { recursive: true }));

const READING = {
  format: { name: "lines", blank: "record" },
  hasHeader: false,
  delimiter: ",",
  timeColumn: "ts",
} as const;
type Reading = Omit<typeof READING, "format" | "hasHeader"> & {
  readonly format: { readonly name: string; readonly blank: "record" };
  readonly hasHeader: boolean;
};

/** The names of the files as they are read. */
async function sorted(
  files: Readonly<Record<string, string | Uint8Array>>,
  reading: Reading = READING,
): Promise<string[]> {
  const folder = mkdtempSync(path.join(root, "case-"));
  const random = createRandom(Object.keys(files).length, 3);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), content);
    // When they were written or copied says nothing.
    utimesSync(path.join(folder, name), new Date(0), new Date(1e12 * random.share()));
  }
  const given = Object.keys(files).toSorted(() => oneOf(random, [-1, 1]));
  const order = openFileOrder(reading);
  const inOrder = await order.sorted(given.map((name) => path.join(folder, name)));
  return inOrder.map((file) => path.basename(file));
}

const ROTATIONS: Readonly<Record<string, readonly string[]>> = {
  "by numbers": ["access.log.10", "access.log.2", "access.log.1", "access.log"],
  "by numbers, compressed": ["a.log.11.gz", "a.log.3.zst", "a.log.2.bz2", "a.log.1", "a.log"],
  "by numbers from 0": ["messages.2", "messages.1", "messages.0", "messages"],
  "by numbers, without the log": ["access.log.10.gz", "access.log.9.gz", "access.log.1"],
  "by days": ["error.log-20251231.gz", "error.log-20260101.gz", "error.log-20260105", "error.log"],
  "by days in the middle": ["app-2025-12-31.log", "app-2026-01-05.log", "app.log"],
  "by days behind": ["app.log.2025-12-31", "app.log.2026-01-05", "app.log"],
  "by days, without the log": ["app.log.2025-12-31", "app.log.2026-01-05"],
  "by hours": ["app.log.2026-01-05-09", "app.log.2026-01-05-10", "app.log.2026-01-06-00", "app.log"],
  "by hours, without separators": ["a.log-2026010509.gz", "a.log-2026010510", "a.log-20260106", "a.log"],
  "by days and numbers": ["a.2026-01-05.2.log", "a.2026-01-05.10.log", "a.2026-01-06.1.log", "a.log"],
  "by seconds since 1970": ["a.log-1767225600", "a.log-1767312000", "a.log"],
  "not at all: parts": ["part-1.csv", "part-2.csv", "part-10.csv"],
  "not at all: chunks": ["big.csv.000", "big.csv.001", "big.csv.010"],
  "not at all: letters": ["big.csv.aa", "big.csv.ab", "big.csv.ba"],
};

describe("names alone tell the order", () => {
  for (const [name, files] of Object.entries(ROTATIONS))
    test(name, async () => {
      expect(await sorted(Object.fromEntries(files.map((file) => [file, "no time\n"])))).toEqual([...files]);
    });
});

describe("times tell the order, where each file has one", () => {
  const times = ["2025-12-31T23:59:59", "2026-01-05T10:00:00", "2026-01-05T10:00:01"];
  const names = ["zebra.txt", "access.log", "access.log.1"];
  const log = (text: string): string => {
    const [, year, month, day, clock] = /^(\d+)-(\d+)-(\d+)T(.*)$/.exec(text) ?? [];
    const name = month === "12" ? "Dec" : "Jan";
    return `192.0.2.7 - - [${day}/${name}/${year}:${clock} +0000] "GET / HTTP/1.1" 200 5 "-" "a 2001-01-01"`;
  };
  const shapes: Readonly<Record<string, { readonly text: (time: string) => string } & Partial<Reading>>> = {
    "ISO 8601": { text: (time) => `INFO ${time} started` },
    "with a space and an offset": { text: (time) => `${time.replace("T", " ")},250 +01:00 started` },
    "a web server's": { text: log },
    "JSON with other times before": {
      text: (time) => `{"born":"1999-01-01T00:00:00Z","ts":"${time}Z"}`,
      format: { name: "json", blank: "record" },
    },
    "JSON with a number": {
      text: (time) => `{"n":9,"TS":${Date.parse(`${time}Z`) / 1000}}`,
      format: { name: "json", blank: "record" },
    },
    "CSV by its header": {
      text: (time) => `id,ts,born\n1,"${time}",1999-01-01\n`,
      hasHeader: true,
    },
    "a line without a time before": { text: (time) => `# log\n\n${time} x` },
    "a hole at the start": { text: (time) => `${"\0".repeat(5000)}${time} x` },
  };
  for (const [name, { text, ...reading }] of Object.entries(shapes))
    test(name, async () => {
      const files = Object.fromEntries(names.map((file, index) => [file, `${text(times[index] ?? "")}\n`]));
      expect(await sorted(files, { ...READING, ...reading })).toEqual(names);
    });

  test("compressed ones too", async () => {
    const line = (time: string) => gzipSync(`${time} x\n`.repeat(100_000));
    expect(
      await sorted({ "b.gz": line("2026-01-05T10:00:00"), "a.gz": line("2026-01-06T10:00:00") }),
    ).toEqual(["b.gz", "a.gz"]);
  });

  test("offsets count", async () => {
    const files = {
      a: "2026-01-05T10:00:00-02:00\n",
      b: "2026-01-05T10:30:00+02:00\n",
      c: "2026-01-05T11:00:00Z\n",
    };
    expect(await sorted(files)).toEqual(["b", "c", "a"]);
  });
});

describe("several logs in one glob", () => {
  test("are merged by time, each in its own order", async () => {
    const at = (day: number): string => `2026-01-0${day}T00:00:00 x\n`;
    expect(
      await sorted({
        "access.log.2": at(1),
        "error.log.2": at(2),
        "access.log.1": at(3),
        "error.log.1": at(4),
        "access.log": at(5),
        "error.log": at(6),
      }),
    ).toEqual(["access.log.2", "error.log.2", "access.log.1", "error.log.1", "access.log", "error.log"]);
  });

  test("a file without a time stays with its log", async () => {
    const at = (day: number): string => `2026-01-0${day}T00:00:00 x\n`;
    expect(
      await sorted({ "a.log.2": at(1), "b.log.1": at(2), "a.log.1": "?\n", "a.log": at(4), "b.log": at(3) }),
    ).toEqual(["a.log.2", "a.log.1", "b.log.1", "b.log", "a.log"]);
  });

  test("come one after the other, where no time is known", async () => {
    expect(await sorted({ "b.log": "x\n", "b.log.1": "x\n", "a.log": "x\n", "a.log.1": "x\n" })).toEqual([
      "a.log.1",
      "a.log",
      "b.log.1",
      "b.log",
    ]);
  });
});

test("a file that was empty is looked at again", async () => {
  const folder = mkdtempSync(path.join(root, "case-"));
  const [first, second] = [path.join(folder, "b"), path.join(folder, "a")];
  writeFileSync(first, "2026-01-05T10:00:00 x\n");
  writeFileSync(second, "");
  const order = openFileOrder(READING);
  expect(await order.sorted([first, second])).toHaveLength(2);
  writeFileSync(second, "2026-01-06T10:00:00 x\n");
  expect(await order.sorted([first, second])).toEqual([first, second]);
  writeFileSync(path.join(folder, "0"), "2026-01-05T12:00:00 x\n");
  expect(await order.sorted([path.join(folder, "0"), first, second])).toEqual([
    first,
    path.join(folder, "0"),
    second,
  ]);
});
