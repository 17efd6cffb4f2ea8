/** Receivers as sources of jobs, in both runtimes and over kill -9. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { randomBelow } from "../crash/episode.ts";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf } from "../support/running.ts";
import { until, within } from "../support/until.ts";
import { startJobProgram } from "./program.ts";
import { sendTcp } from "./senders.ts";

const SCHEMA = { id: "BIGINT" };
const job = {
  name: "received",
  checkpoint: "./state",
  batch: "20ms",
  sources: {
    posts: { from: "http://127.0.0.1:0/in", schema: SCHEMA },
    lines: { from: { tcp: { listen: "127.0.0.1:0", answer_ok: true } }, schema: SCHEMA },
  },
  queries: {
    posted: "SELECT id, 'http' AS by FROM posts",
    sent: "SELECT id, 'tcp' AS by FROM lines",
  },
  sinks: [
    { from: "posted", to: "file:posted.ndjson" },
    { from: "sent", to: "file:sent.ndjson" },
  ],
};

const lineOf = (id: number): string => `${JSON.stringify({ id })}\n`;

function idsIn(folder: string, name: string): number[] {
  const file = join(folder, name);
  const rows = existsSync(file) ? rowsOf<{ id: number }>(readFileSync(file, "utf8")) : [];
  return rows.map(({ id }) => id).toSorted((a, b) => a - b);
}

describe.each(["Bun's binary", "Deno"] as const)("in %s", (runtime) => {
  test("what http: and tcp: take comes once, also when the job is ended and started again", async () => {
    using folder = emptyFolder();
    const expected: number[] = [];
    for (const life of [1, 2]) {
      await using running = await startJobProgram(runtime, job, folder.path);
      const ids = Array.from({ length: 100 }, (_, index) => life * 1000 + index);
      const lines = ids.map(lineOf);
      const url = await running.address("posts");
      const response = await within(
        running.soFar("an answer"),
        fetch(url, { method: "POST", body: lines.join("") }),
      );
      expect([response.status, await response.text()]).toEqual([200, '{"events":100}']);
      const answer = await sendTcp(await running.address("lines"), lines, running.soFar("TCP"));
      expect(answer).toBe("OK\n".repeat(lines.length));
      expected.push(...ids);
      // One who is in the middle of something does not keep the job from its end.
      const [post, line] = [
        connect(Number(url.port)),
        connect(Number((await running.address("lines")).port)),
      ];
      for (const socket of [post, line]) socket.on("error", () => {});
      post.write("POST /in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc");
      line.write('{"id": 1');
      await within("a GET is answered", fetch(url));
      expect(await running.end("SIGTERM")).toBe(143);
      for (const socket of [post, line]) socket.destroy();
      if (life === 1) continue;
      // What was taken before the end and was in no batch is in the next life's first one.
      await using last = await startJobProgram(runtime, job, folder.path);
      for (const name of ["posted.ndjson", "sent.ndjson"]) {
        await until(last.soFar(`all of ${name}`), () => idsIn(folder.path, name).length >= expected.length);
        expect(idsIn(folder.path, name)).toEqual(expected);
      }
    }
  }, 60_000);
});

test("each line over TCP that was answered comes once, over kill -9, and no other one twice", async () => {
  using folder = emptyFolder();
  const random = randomBelow(23);
  const lives = 6;
  const answered: number[] = [];
  const sent: number[] = [];
  for (let life = 0; life < lives; life += 1) {
    await using running = await startJobProgram("Bun's binary", job, folder.path);
    const { hostname, port } = await running.address("lines");
    const isLast = life === lives - 1;
    const total = 2000 + random(2000);
    const killAfter = isLast ? total : random(total);
    let answers = "";
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      answers += bytes.toString();
    });
    const ids = Array.from({ length: total }, (_, index) => life * 10_000 + index);
    for (let at = 0; at < total; at += 50)
      socket.write(
        ids
          .slice(at, at + 50)
          .map(lineOf)
          .join(""),
      );
    const oks = () => answers.split("\n").length - 1;
    await until(running.soFar(`${killAfter} answers`), () => oks() >= killAfter);
    if (!isLast) await running.end("SIGKILL");
    socket.destroy();
    sent.push(...ids);
    answered.push(...ids.slice(0, oks()));
    if (!isLast) continue;
    await until(running.soFar("all answered are there"), () => {
      const there = new Set(idsIn(folder.path, "sent.ndjson"));
      return answered.every((id) => there.has(id));
    });
    expect(await running.end("SIGTERM")).toBe(143);
  }
  const there = idsIn(folder.path, "sent.ndjson");
  expect(there).toEqual([...new Set(there)]);
  const known = new Set(sent);
  expect(there.filter((id) => !known.has(id))).toEqual([]);
  expect(answered.length).toBeGreaterThan(2000);
}, 60_000);
