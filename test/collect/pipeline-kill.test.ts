/** The whole command killed at any moment: what was answered stands once in each output, whatever it is. */

import { expect, test } from "bun:test";
import { appendFileSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHANNEL_FAILPOINTS } from "../../src/base/failpoint.ts";
import { type Random, randomBelow } from "../crash/episode.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { type Running, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 24;
const TIMEOUT_MS = 120_000;

const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];

/** Half of the lives end at a failpoint, the others at any moment. */
const deathOf = (random: Random): string | undefined => {
  const name = CHANNEL_FAILPOINTS[random(2 * CHANNEL_FAILPOINTS.length)];
  return name && `${name}:${1 + random(4)}`;
};

const hasEnded = (running: Running): boolean => {
  try {
    process.kill(running.pid, 0);
    return running.exitCode() !== undefined;
  } catch {
    return true;
  }
};

/** Starts the command and lets it die while `work` goes on; `work` ends when there is nobody any more. */
async function live(
  args: readonly string[],
  cwd: string,
  random: Random,
  work: (running: Running) => Promise<void>,
): Promise<void> {
  const failpoint = deathOf(random);
  await using running = await start(args, {
    cwd,
    ...(failpoint !== undefined && { env: { STREAMKIT_FAILPOINT: failpoint } }),
  });
  await work(running);
  running.kill("SIGKILL");
  await until("it is dead", () => hasEnded(running));
}

test(
  `POSTs through channels on disk, to a file and to rolled ones (SEED=${SEED})`,
  async () => {
    using folder = emptyFolder();
    const random = randomBelow(SEED);
    const [port = 0] = await freePorts(1);
    const pipeline = {
      sources: { posts: { from: `http://127.0.0.1:${port}/` } },
      channels: { one: { folder: "one", max_bytes: "1MiB" }, two: { folder: "two", max_bytes: "1MiB" } },
      sinks: [
        { from: "one", to: "file:out.log" },
        { from: "two", to: { roll: { to: "rolled", roll_events: 40, gzip: false } } },
      ],
    };
    writeFileSync(join(folder.path, "p.json"), JSON.stringify(pipeline));
    const args = ["tail", "--pipeline", "p.json"];
    const answered: string[] = [];
    let sent = 0;
    for (let life = 0; life < LIVES; life += 1) {
      const requests = 4 + random(30);
      await live(args, folder.path, random, async (running) => {
        await until("it listens or is dead", () => running.stderr().includes("listens") || hasEnded(running));
        for (let request = 0; request < requests; request += 1) {
          const ids = Array.from({ length: 1 + random(25) }, () => String((sent += 1)));
          const post = fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: ids.join("\n") });
          const response = await post.catch(() => undefined);
          if (response === undefined) break;
          if (response.status === 200) answered.push(...ids);
          // A commit comes when nothing comes for a while: some are behind one, some are not.
          if (random(5) === 0) await Bun.sleep(90 + random(90));
        }
      });
    }
    // Nothing more comes: what waits is delivered.
    const { code, stderr } = await streamkit(["tail", "--pipeline", "p.json", "--once"], {
      cwd: folder.path,
    });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(answered.length).toBeGreaterThan(LIVES * 10);
    const rolled = globSync(join(folder.path, "rolled/events.*")).toSorted().flatMap(linesOf);
    for (const found of [linesOf(join(folder.path, "out.log")), rolled]) {
      expect(found.toSorted()).toEqual([...new Set(found)].toSorted());
      const there = new Set(found);
      expect(answered.filter((id) => !there.has(id))).toEqual([]);
    }
  },
  TIMEOUT_MS,
);

test(
  `a file that grows, through a channel on disk: nothing is lost, and lines are whole (SEED=${SEED})`,
  async () => {
    using folder = emptyFolder();
    const random = randomBelow(SEED + 1);
    const log = join(folder.path, "app.log");
    writeFileSync(log, "");
    const args = ["tail", "app.log", "--channel", "channel", "--out", "file:out.log"];
    let written = 0;
    for (let life = 0; life < LIVES; life += 1) {
      const rounds = 1 + random(12);
      await live(args, folder.path, random, async (running) => {
        for (let round = 0; round < rounds && !hasEnded(running); round += 1) {
          const lines = Array.from({ length: random(400) }, () => `line ${(written += 1)}\n`);
          appendFileSync(log, lines.join(""));
          await Bun.sleep(random(180));
        }
      });
    }
    const { code } = await streamkit([...args, "--once"], { cwd: folder.path });
    expect(code).toBe(0);
    const found = linesOf(join(folder.path, "out.log"));
    const firsts = [...new Set(found)];
    expect(firsts).toEqual(Array.from({ length: written }, (_, index) => `line ${index + 1}`));
    expect(written).toBeGreaterThan(1000);
  },
  TIMEOUT_MS,
);
