/**
 * Many files, one after the other, in folders by headers and time. A file grows in the stage and gets its
 * name when it is finished, so that readers see only whole ones. Behind a channel on disk each event stands
 * in one file once: what was not committed is cut off after a crash, and a file is named after the commit
 * that ended it.
 */

import { createReadStream, createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { z } from "zod";
import { sync } from "../../base/durable.ts";
import { messageOf } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { durationMs } from "../../base/units.ts";
import type { EventBlock } from "../../tail/block.ts";
import { cutAt } from "../interceptors/events.ts";
import { MAX_SUFFIX_BYTES, pathMaker, withShortNames } from "./escapes.ts";
import { type FileStore, openFileStore } from "./file-store.ts";
import type { Output, OutputContext, OutputKind } from "./output.ts";
import { type Growing, openStage, type Stage, type StagedFile } from "./staged-files.ts";

const duration = z
  .string()
  .refine((text) => durationMs(text) !== undefined, "must be a duration like 30s or 10m, or 0");

const options = z.strictObject({
  to: z.string().min(1).describe("a folder, or a store like `webhdfs://HOST:9870/logs`"),
  path: z
    .string()
    .default("")
    .describe("folders below it, with `%{header}` and parts of the time like `%Y-%m-%d/%H`"),
  prefix: z.string().min(1).default("events").describe("what a file's name begins with, with the same"),
  suffix: z
    .string()
    .refine(
      (text) => Buffer.byteLength(text) <= MAX_SUFFIX_BYTES,
      `must have ${MAX_SUFFIX_BYTES} bytes at most`,
    )
    .default("")
    .describe("what it ends with, like `.log`"),
  roll_bytes: z
    .int()
    .min(0)
    .default(128 * 1024 * 1024)
    .describe("a file is finished at so many bytes; 0: never"),
  roll_events: z.int().min(0).default(0).describe("or at so many events; 0: never"),
  roll_every: duration.default("5m").describe("or at this age; 0: never"),
  idle: duration.default("0").describe("or when so long nothing came; 0: never"),
  max_open: z
    .int()
    .min(1)
    .max(300)
    .default(100)
    .describe("files that grow at a time: of more, the oldest is finished"),
  gzip: z.boolean().default(false).describe("compress finished files; `.gz` is appended to the name"),
  timezone: z.string().default("UTC").describe("of the parts of the time"),
  time: z
    .enum(["header", "clock"])
    .default("header")
    .describe("`header`: the header `timestamp`, where there is one; `clock`: when it is written"),
  round: duration.default("0").describe("times are rounded down to a multiple of it"),
});
type Options = z.infer<typeof options>;

export const rollOutput: OutputKind<Options> = {
  name: "roll",
  summary:
    "files that are finished by size, count or age, in folders by headers and time; " +
    "URL `roll:FOLDER` or `webhdfs://…`",
  options,
  fromUrl(url) {
    if (/^(?:s?webhdfs|s3):\/\//.test(url)) return { to: url };
    return url.startsWith("roll:") && url.length > 5 ? { to: url.slice("roll:".length) } : undefined;
  },
  isStaged: true,
  place: ({ to }) => (to.includes("://") ? undefined : to),
  open: (given, context) => openRoll(given, context, openFileStore(given.to, context)),
};

interface RollState {
  readonly growing: readonly StagedFile[];
  /** They will not grow: to be named. */
  readonly finished: readonly StagedFile[];
}

async function openRoll(given: Options, context: OutputContext, shelf: FileStore): Promise<Output> {
  const { clock } = context;
  const stage = await openStage(context.stageFolder, clock);
  const stemOf = pathMaker(path.posix.join(given.path, given.prefix), {
    timezone: given.timezone,
    roundMs: durationMs(given.round) ?? 0,
    nowMs: () => clock.nowMs(),
    usesClock: given.time === "clock",
  });
  const [everyMs = 0, idleMs = 0] = [durationMs(given.roll_every), durationMs(given.idle)];
  const { growing, finished } = await resumed(stage, context);
  /** Finished ones that the last `sync` has told of. */
  let told: readonly StagedFile[] = [];

  const finish = async (file: Growing): Promise<void> => {
    growing.delete(file.stem);
    await file.file.datasync();
    await file.file.close();
    if (file.sizeBytes === 0) await stage.remove(file.name);
    else finished.push(savedOf(file));
  };
  const dueAtMs = (file: Growing): number =>
    Math.min(
      everyMs > 0 ? file.openedAtMs + everyMs : Number.POSITIVE_INFINITY,
      idleMs > 0 ? file.touchedAtMs + idleMs : Number.POSITIVE_INFINITY,
    );
  const isFull = ({ sizeBytes, events }: Growing): boolean =>
    (given.roll_bytes > 0 && sizeBytes >= given.roll_bytes) ||
    (given.roll_events > 0 && events >= given.roll_events);

  const fileFor = async (stem: string): Promise<Growing> => {
    const there = growing.get(stem);
    if (there !== undefined) return there;
    const oldest = growing.size >= given.max_open ? [...growing.values()].toSorted(byAge)[0] : undefined;
    if (oldest !== undefined) await finish(oldest);
    const file = await stage.create(stem);
    growing.set(stem, file);
    return file;
  };

  /** Of a batch that failed in the middle: what is there of it is not written again. */
  let half: { readonly blocks: readonly EventBlock[]; readonly left: EventBlock[] } | undefined;
  let isCommitted = true;
  /** Finished and committed: only their names are missing. */
  const due = new Set<StagedFile>();
  const nameDue = async (): Promise<void> => {
    for (const file of due) {
      await name(stage, shelf, file, given);
      finished.splice(finished.indexOf(file), 1);
      due.delete(file);
    }
  };

  return {
    name: `roll:${shelf.url}`,
    async deliver(blocks) {
      // What is finished and has no place must not become ever more.
      await nameDue();
      isCommitted = false;
      if (half?.blocks !== blocks) half = { blocks, left: [...blocks] };
      const { left } = half;
      for (let block = left[0]; block !== undefined; block = left[0]) {
        const file = await fileFor(stemOf(block.headers));
        const [fitting, rest] = cutAt(block, {
          bytes: given.roll_bytes - file.sizeBytes,
          events: given.roll_events - file.events,
        });
        await stage.append(file, fitting.bytes, fitting.events);
        left.splice(0, 1, ...rest);
        if (isFull(file)) await finish(file);
      }
      half = undefined;
    },
    async sync(): Promise<Record<string, unknown>> {
      isCommitted = false;
      const nowMs = clock.nowMs();
      for (const file of growing.values()) if (dueAtMs(file) <= nowMs) await finish(file);
      for (const file of growing.values()) {
        if (file.isDirty) await file.file.datasync();
        file.isDirty = false;
      }
      await sync(context.stageFolder);
      told = [...finished];
      return { growing: [...growing.values()].map(savedOf), finished: told } satisfies RollState;
    },
    async committed() {
      for (const file of told) due.add(file);
      await nameDue();
      isCommitted = true;
    },
    dueInMs() {
      const due = Math.min(...[...growing.values()].map(dueAtMs));
      return due === Number.POSITIVE_INFINITY ? undefined : due - clock.nowMs();
    },
    async close() {
      // What was not committed comes again, and what could not be named is named by the next run.
      if (!isCommitted) for (const { file } of growing.values()) await file.close();
      if (!isCommitted) return;
      for (const file of growing.values()) await finish(file);
      for (const file of finished.splice(0)) await name(stage, shelf, file, given);
    },
  };
}

/** What such a file was to be called is not known any more. */
const RECOVERED = "recovered/events";

/** What a process before us left. Without a commit nobody knows how much of it counts: all of it is kept. */
async function resumed(
  stage: Stage,
  { committed }: OutputContext,
): Promise<{ growing: Map<string, Growing>; finished: StagedFile[] }> {
  const state = committed as RollState | undefined;
  const growing = new Map<string, Growing>();
  for (const saved of state?.growing ?? []) {
    const file = await stage.resume(saved);
    if (file !== undefined) growing.set(saved.stem, file);
  }
  const finished = [...(state?.finished ?? [])];
  const known = new Set([...growing.values(), ...finished].map(({ name: own }) => own));
  for (const own of await stage.names()) {
    if (known.has(own)) continue;
    if (state !== undefined) await stage.remove(own);
    else finished.push({ name: own, stem: RECOVERED, sizeBytes: 0, events: 0, openedAtMs: 0 });
  }
  return { growing, finished };
}

const byAge = (a: Growing, b: Growing): number => a.openedAtMs - b.openedAtMs;

function savedOf({ name: own, stem, sizeBytes, events, openedAtMs }: Growing): StagedFile {
  return { name: own, stem, sizeBytes, events, openedAtMs };
}

/** May be done again after a crash at any step. */
async function name(stage: Stage, shelf: FileStore, file: StagedFile, given: Options): Promise<void> {
  const staged = stage.pathOf(file.name);
  const packed = `${staged}.gz`;
  if (given.gzip) await compress(staged, packed);
  const [from, ending] = given.gzip ? [packed, `${given.suffix}.gz`] : [staged, given.suffix];
  const place = (stem: string): Promise<void> =>
    shelf.place(from, `${withShortNames(stem)}.${file.name}${ending}`, stage.id);
  try {
    await place(file.stem);
  } catch (error) {
    if (!NEVER_TAKEN.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    logger("collect").warn(
      `${shelf.url} does not take the path "${file.stem}" (${messageOf(error)}): ` +
        `its events go to "${RECOVERED}.${file.name}${ending}"`,
    );
    await place(RECOVERED);
  }
  if (given.gzip) await stage.remove(file.name);
}

/** What a file system says of a path that it will not take later either: others must not wait for it. */
const NEVER_TAKEN = new Set(["ENAMETOOLONG", "ENOTDIR", "EISDIR", "EINVAL", "EILSEQ", "EEXIST"]);

/** Nothing is done where the file is gone: it was compressed and moved before. */
async function compress(from: string, to: string): Promise<void> {
  try {
    await pipeline(createReadStream(from), createGzip(), createWriteStream(`${to}.new`));
    await sync(`${to}.new`);
    await rename(`${to}.new`, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
