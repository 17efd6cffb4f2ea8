/** Debian's logrotate, rotating for real. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder, run } from "../support/binary.ts";
import { type Running, start } from "../support/running.ts";
import { until } from "../support/until.ts";

const ways = {
  create: "create",
  copytruncate: "copytruncate",
  "create, compress": "create\n compress",
  "create, compress, delaycompress": "create\n compress\n delaycompress",
  "copytruncate, compress": "copytruncate\n compress",
  "create, dateext, compress": "create\n dateext\n dateformat -%Y%m%d-%s\n compress",
};

const ROTATIONS = 4;
const LINES = 250;
const MINUTE_MS = 60_000;

for (const [name, directives] of Object.entries(ways)) {
  describe(name, () => {
    test(
      "each line once and in order, while it is followed and while nobody looks",
      async () => {
        using folder = emptyFolder();
        await using log = await rotatedLog(folder.path, directives);
        let tail = await log.follow();
        for (let rotation = 0; rotation < ROTATIONS; rotation += 1) {
          log.write(LINES);
          if (rotation % 2 === 0) await until("the lines", () => log.given().length === log.lines.length);
          await log.rotate();
          log.write(LINES);
        }
        await until("all lines", () => log.given().length >= log.lines.length);
        tail.kill("SIGTERM");
        expect((await tail.finished()).code).toBe(143);
        log.write(LINES);
        await log.rotate();
        log.write(LINES);
        await log.rotate();
        log.write(1);
        tail = await log.follow();
        await until("the lines since", () => log.given().length >= log.lines.length);
        expect(log.given()).toEqual([...log.lines]);
      },
      MINUTE_MS,
    );
  });
}

async function rotatedLog(folder: string, directives: string) {
  const at = (name: string): string => path.join(folder, name);
  mkdirSync(at("logs"));
  const config = `"${at("logs/access.log")}" {\n rotate 20\n size 1\n missingok\n ${directives}\n}\n`;
  writeFileSync(at("logrotate.conf"), config, { mode: 0o644 });
  const lines: string[] = [];
  const running: Running[] = [];
  const second = (): number => Math.floor(Date.now() / 1000);
  let rotatedAt = 0;
  return {
    lines,
    write(count: number): void {
      for (let index = 0; index < count; index += 1) {
        const line = `192.0.2.${index % 250} - - "GET /page/${lines.length} HTTP/1.1" 200 ${lines.length}`;
        appendFileSync(at("logs/access.log"), `${line}\n`);
        lines.push(line);
      }
    },
    given: (): string[] =>
      existsSync(at("out")) ? readFileSync(at("out"), "utf8").split("\n").slice(0, -1) : [],
    async rotate(): Promise<void> {
      // Names with seconds must be new ones.
      if (directives.includes("%s")) await until("the next second", () => second() > rotatedAt + 1);
      rotatedAt = second();
      const args = ["--force", "--state", at("state"), at("logrotate.conf")];
      const { code, stderr } = await run("/usr/sbin/logrotate", args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    },
    async follow(): Promise<Running> {
      const out = ["--position", at("position"), "--out", `file:${at("out")}`];
      const tail = await start(["tail", at("logs/access.log*"), ...out]);
      running.push(tail);
      return tail;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const tail of running) await tail[Symbol.asyncDispose]();
    },
  };
}
