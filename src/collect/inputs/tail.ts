/**
 * Files that are being written. How far each was read is kept when what was read is safe in the channels:
 * after a kill, what came since comes again.
 */

import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { logger } from "../../base/log.ts";
import { counted } from "../../base/units.ts";
import type { EventBlock } from "../../tail/block.ts";
import { type Follower, openFollower } from "../../tail/follower.ts";
import { openGlobs } from "../../tail/listing.ts";
import { refuseMissing } from "../../tail/missing.ts";
import { cutOptionsOf, tailFields } from "../../tail/options.ts";
import {
  isOfPositionFile,
  lockPositionFile,
  readPositionFile,
  writePositionFile,
} from "../../tail/position-file.ts";
import { openWake, type Wake } from "../../tail/wake.ts";
import type { EventWriter } from "../event-writer.ts";
import type { Input, InputContext, InputKind } from "./input.ts";

const options = z.strictObject({
  ...tailFields,
  position: z
    .string()
    .optional()
    .describe("a file that keeps how far each file was read; below `state` if left out, nowhere if empty"),
  headers: z.record(z.string(), z.string()).default({}).describe("headers of every event"),
  file_header: z.string().default("file").describe("the header with the file's path; empty: none"),
});
type Options = z.infer<typeof options>;

export const tailInput: InputKind<Options> = {
  name: "tail",
  summary: "files that are being written, through rotation and restarts; URL `tail:GLOB`",
  options,
  fromUrl: (url) =>
    url.startsWith("tail:") && url.length > 5 ? { path: url.slice("tail:".length) } : undefined,
  open: async (given, intake, context) => followFiles(given, intake, context),
};

/** How often positions are kept, at most, and how many bytes may come again. */
const KEEP_MS = 1000;
const KEEP_BYTES = 256 * 1024 * 1024;
const TURN_MS = 20;
const LIMIT = { maxBytes: 1_048_576, maxEvents: Number.POSITIVE_INFINITY };

function followFiles(given: Options, intake: EventWriter, context: InputContext): Input {
  const { clock, baseFolder, isBounded } = context;
  const closed = new AbortController();
  let [lastHeaders, lastNamed]: [EventBlock["headers"] | undefined, EventBlock["headers"]] = [undefined, {}];
  const patterns = typeof given.path === "string" ? [given.path] : given.path;
  const globs = openGlobs(patterns, baseFolder, () => clock.nowMs());
  const position =
    given.position === ""
      ? undefined
      : path.resolve(baseFolder, given.position ?? path.join(context.stateFolder, "positions"));
  const lock = position === undefined ? undefined : lockPositionFile(position);
  let follower: Follower | undefined;
  let isFirst = true;
  const wake: Wake = openWake(isBounded ? [] : globs.folders, clock, (file) => follower?.noticed(file));
  try {
    const positions = position === undefined ? undefined : readPositionFile(position);
    isFirst = positions === undefined;
    follower = openFollower({
      ...cutOptionsOf(given),
      headers: given.headers,
      from: given.from,
      globs,
      clock,
      positions,
      isBounded,
      isOwn: ({ path: file }) =>
        context.isOwn(file) || (position !== undefined && isOfPositionFile(file, position)),
      endsLines: isBounded && position === undefined,
      notify: () => wake.notify(),
    });
  } catch (error) {
    wake.close();
    lock?.unlock();
    throw error;
  }
  const done = follow(follower, wake).finally(() => {
    follower.close();
    wake.close();
    lock?.unlock();
  });
  done.catch(() => {});
  return {
    done,
    async close() {
      closed.abort();
      await done.catch(() => {});
    },
  };

  /** The follower calls it `file`. */
  function named(block: EventBlock): EventBlock {
    if (given.file_header === "file") return block;
    if (block.headers !== lastHeaders) {
      const { file, ...others } = block.headers;
      lastHeaders = block.headers;
      lastNamed = given.file_header === "" ? others : { ...others, [given.file_header]: file ?? "" };
    }
    return { ...block, headers: lastNamed };
  }

  async function follow(files: Follower, { sleep }: Wake): Promise<void> {
    if (isBounded && isFirst) refuseMissing(patterns, baseFolder, await globs.list());
    let keptAtMs = Number.NEGATIVE_INFINITY;
    let turnedAtMs = clock.monotonicMs();
    let isKept = position === undefined || existsSync(position);
    let newBytes = 0;
    let cutLines = 0;
    const keep = async (): Promise<void> => {
      // What was read while we wait for safety is not in these positions.
      const positions = files.positions();
      await intake.flush();
      if (position !== undefined) await writePositionFile(position, positions);
      keptAtMs = clock.monotonicMs();
      newBytes = 0;
      isKept = true;
    };
    while (!closed.signal.aborted) {
      const block = await files.next(LIMIT);
      if (block !== undefined) {
        isKept = false;
        await intake.put(named(block));
        newBytes += block.bytes.length;
      }
      cutLines += files.takeCutLines();
      const nowMs = clock.monotonicMs();
      const isTime = nowMs - keptAtMs >= KEEP_MS || newBytes >= KEEP_BYTES;
      if (!isKept && isTime) await keep();
      if (block !== undefined) {
        if (nowMs - turnedAtMs < TURN_MS) continue;
        await clock.sleep(0);
        turnedAtMs = clock.monotonicMs();
        continue;
      }
      if (isBounded && files.isDrained()) break;
      const untilKeptMs = isKept ? Number.POSITIVE_INFINITY : keptAtMs + KEEP_MS - nowMs;
      await sleep(Math.max(1, Math.min(files.pauseMs(), untilKeptMs)), closed.signal);
      turnedAtMs = clock.monotonicMs();
    }
    if (!isKept) await keep();
    if (cutLines > 0)
      logger("collect").warn(`${context.name}: ${counted(cutLines, "line")} longer than max_line were cut`);
  }
}
