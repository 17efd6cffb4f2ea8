/** Files that are followed in a folder of the test's own, by a clock that the test moves. */

import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import type { Clock } from "../../src/base/clock.ts";
import { type Follower, type FollowerOptions, openFollower } from "../../src/tail/follower.ts";
import { openGlobs } from "../../src/tail/listing.ts";
import { cutOptionsOf, type TailSettings } from "../../src/tail/options.ts";
import type { FilePosition } from "../../src/tail/position.ts";

/** Goes with the system's, as files have its times, and further when it is told. */
function movedClock(): Clock & { advance(ms: number): void } {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    sleep: () => Promise.resolve(),
    advance(ms) {
      aheadMs += ms;
    },
  };
}

type Options = Partial<TailSettings> & Partial<Pick<FollowerOptions, "isBounded" | "endsLines" | "isOwn">>;

export interface Following extends Disposable {
  /** What is new, file by file in the order in which it was given. */
  given(): Promise<string>;
  /** The same, after enough time for everything that waits. */
  settled(): Promise<string>;
  /** Ends, and begins again with the positions, as text has kept them. */
  restart(): void;
  /** The same without positions. */
  stop(): readonly FilePosition[];
  start(positions?: readonly FilePosition[]): void;
  readonly follower: Follower;
  readonly clock: ReturnType<typeof movedClock>;
}

const BLOCK = { maxBytes: 1_048_576, maxEvents: Number.POSITIVE_INFINITY };
/** More than the time between two looks. */
const LOOK_MS = 1100;
const SETTLE_MS = 4000;

export function following(
  folder: string,
  glob: string | readonly string[],
  options: Options = {},
): Following {
  const clock = movedClock();
  const open = (positions: readonly FilePosition[] | undefined): Follower =>
    openFollower({
      ...cutOptionsOf({ max_line: 1_048_576, ...options }),
      globs: openGlobs([glob].flat(), folder, () => clock.nowMs()),
      clock,
      positions,
      from: options.from ?? "start",
      headers: {},
      isBounded: options.isBounded ?? false,
      endsLines: options.endsLines ?? false,
      isOwn: options.isOwn,
      notify: () => {},
    });
  let follower = open(undefined);
  const read = async (): Promise<string> => {
    let text = "";
    for (;;) {
      const block = await follower.next(BLOCK);
      if (block === undefined) return text;
      text += Buffer.from(block.bytes).toString();
    }
  };
  const readAfter = async (ms: number, times: number): Promise<string> => {
    let text = "";
    for (let time = 0; time < times; time += 1) {
      clock.advance(ms);
      text += await read();
      // Compressed files are looked through in the background.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return text;
  };
  return {
    clock,
    get follower() {
      return follower;
    },
    given: () => readAfter(LOOK_MS / 10, 3),
    async settled() {
      let text = await readAfter(LOOK_MS, 2);
      for (let tries = 0; tries < 100 && !follower.isDrained(); tries += 1)
        text += await readAfter(SETTLE_MS, 1);
      return text + (await readAfter(SETTLE_MS, 2));
    },
    stop() {
      const positions = JSON.parse(JSON.stringify(follower.positions())) as FilePosition[];
      follower.close();
      return positions;
    },
    start(positions) {
      follower = open(positions);
    },
    restart() {
      this.start(this.stop());
    },
    [Symbol.dispose]: () => follower.close(),
  };
}

export interface Files {
  readonly folder: string;
  /** Appends, and makes the file where there is none. */
  add(name: string, text: string): void;
  move(from: string, to: string): void;
  /** As `logrotate` copies and truncates. */
  copyTruncate(from: string, to: string): void;
  truncate(name: string): void;
  /** As `gzip` does: the compressed file is there before the other one goes, and has its time. */
  compress(name: string): void;
  remove(name: string): void;
  inode(name: string): bigint;
}

export function filesIn(folder: string): Files {
  const at = (name: string): string => path.join(folder, name);
  return {
    folder,
    add: (name, text) => appendFileSync(at(name), text),
    move: (from, to) => renameSync(at(from), at(to)),
    copyTruncate(from, to) {
      writeFileSync(at(to), readFileSync(at(from)));
      truncateSync(at(from));
    },
    truncate: (name) => truncateSync(at(name)),
    compress(name) {
      writeFileSync(at(`${name}.gz`), gzipSync(readFileSync(at(name))));
      const { atime, mtime } = statSync(at(name));
      utimesSync(at(`${name}.gz`), atime, mtime);
      rmSync(at(name));
    },
    remove: (name) => rmSync(at(name)),
    inode: (name) => statSync(at(name), { bigint: true }).ino,
  };
}
