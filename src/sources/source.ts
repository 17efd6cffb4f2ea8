/**
 * Sources: where the bytes come from. A source is one file and one line in `list.ts`.
 *
 * The batch loop calls `plan` → `read` → `commit` for each range, ranges in order; the next range may be
 * planned and read before the one before it is committed, one call at a time but for `commit`. Positions are
 * plain JSON: they go into the checkpoint as they are, and come back after a restart.
 */

import type { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import type { Format } from "../formats/format.ts";
import type { Sample } from "../formats/sample.ts";
import type { Segment } from "../formats/segment.ts";
import type { SourceConfig } from "../job/schema.ts";

/** How far a source has been read; what is in it is the source's own affair. */
export type Position = Readonly<Record<string, unknown>>;

export interface Range {
  readonly from: Position | undefined;
  readonly to: Position;
}

/** What one batch takes at most. A single line longer than `maxBytes` is taken all the same. */
export interface Limit {
  readonly maxBytes: number;
  /** Infinity where the job names no rate. */
  readonly maxLines: number;
}

export interface Source {
  /**
   * What can be read now, within the limit; undefined if there is nothing yet. A range ends at a line's end.
   * It follows the planned range `after`, or the last commit if that is left out; planning the same again,
   * before it is committed, gives a range with the same start.
   */
  plan(limit: Limit, after?: Range): Promise<Range | undefined>;
  /**
   * The bytes of a planned range, as a file that stays until `commit`. After a crash the same range gives
   * them again.
   */
  read(range: Range): Promise<Segment>;
  /** The range is in the checkpoint: what is behind it may be forgotten. */
  commit(range: Range): Promise<void>;
  /** True when nothing will ever come again after what `plan` has given. */
  isEnded(): boolean;
  /**
   * True when the next batch should not wait for its time: there is more than one batch takes, or the end is
   * near.
   */
  hasBacklog(): boolean;
  /** Of a source that is read in partitions, each in its own order and at its own pace. */
  readonly partitions?: Partitions;
  /** Of a source that can be read twice, where what is there is all. */
  readonly again?: Again | undefined;
  /** The record's columns, where somebody else than the input tells them. */
  columns?(): Promise<readonly Column[] | undefined>;
  /**
   * A look at what there is, of which nothing is taken: for finding the columns before the first range is
   * planned. Undefined while there is nothing yet. Where it is left out, the first ranges are looked at.
   */
  sample?(): Promise<Sample | undefined>;
  close(): Promise<void>;
}

/** The same input once more, for somebody who looks through it ahead of the batches. */
export interface Again {
  /** A source of its own that begins behind the last commit and ends where this one will. */
  open(): Promise<Source>;
  /** Whether everything before `position` is before `reached` too; both are positions of planned ranges. */
  includes(reached: Position, position: Position): boolean;
}

interface Partitions {
  /** Those that are read, by their names. */
  states(): readonly PartitionState[];
  /** The partitions that a planned range reads something of. */
  of(range: Range): readonly string[];
}

/**
 * `behind`: there is more to read now, or may be. `at-end`: all that is there was planned; more may come.
 * `silent`: nothing will come any more, so that nobody need wait for it.
 */
export interface PartitionState {
  readonly name: string;
  readonly progress: "behind" | "at-end" | "silent";
}

export interface SourceContext {
  /** The name in the job. */
  readonly name: string;
  /** The job's name. */
  readonly job: string;
  readonly format: Pick<Format, "name" | "blank" | "isDatedByFile">;
  /** Of a source in partitions, the numbers of those to read; all if left out. */
  readonly partitions?: readonly number[] | undefined;
  /** Where the partitions are shared, who mirrors the offsets. */
  readonly membership?: Membership | undefined;
  readonly clock: Clock;
  /** The position of the last commit; undefined on a first start. */
  readonly committed: Position | undefined;
  /** A folder of its own for segments; it outlives a crash if the job has a checkpoint. */
  readonly segmentFolder: string;
  /** Whether the job has a checkpoint: what it goes on from must be there after a power cut too. */
  readonly isDurable: boolean;
  /** Relative paths start here. */
  readonly baseFolder: string;
  /** Whether a file is one that the job writes. */
  readonly isOwn: (file: string) => boolean;
  readonly maxSegmentBytes: number;
  /** True where what is there now is all (`--once`, `--available-now`). */
  readonly isBounded: boolean;
  /** Whether nothing there is no mistake then. */
  readonly allowsEmpty?: boolean | undefined;
  /** The columns of a record, where they are known before the input is. */
  readonly columns?: readonly Column[] | undefined;
  /** Whether the file's first line holds column names. */
  readonly hasHeader: boolean;
  /** What separates CSV values; undefined where each header tells it. */
  readonly delimiter: string | undefined;
  /** What the event time's column is called, if there is one. */
  readonly timeColumn: string;
  readonly freshSeed: () => number;
  /** Called when there may be something to plan: wakes a loop that waits. */
  readonly notify: () => void;
}

/** Several processes with one job share the partitions of its sources. */
export interface Sharing {
  /** The columns whose values decide a record's partition. */
  readonly by: readonly string[];
  /** Takes part, for all the shared sources of a job. */
  open(request: SharingRequest): Promise<Membership>;
}

export interface SharingRequest {
  readonly job: string;
  readonly clock: Clock;
  readonly baseFolder: string;
  /** The options of all shared sources. */
  readonly options: readonly unknown[];
  /** Partitions by their numbers; of all topics those of the same number go together. */
  readonly assigned: (partitions: readonly number[], count: number) => void;
  /** Resolves when nothing is done with any partition any more: others may take them up then. */
  readonly revoked: () => Promise<void>;
}

/** By topic, the offset behind the last record of the partition. */
export type PartitionEnds = Readonly<Record<string, number>>;

export interface Membership {
  /** Rejects when it is no member any more, and can't become one. */
  readonly failed: Promise<never>;
  /** Mirrors offsets to the group: only a member may. */
  commit(offsets: Readonly<Record<string, number>>): Promise<void>;
  /** Of each topic; they don't change while it is a member. */
  readonly count: number;
  /** Where a partition ends now. */
  ends(partition: number): Promise<PartitionEnds>;
  /**
   * Throws code `input` where there are more partitions now: keys have moved, and what was just read may hold
   * records of both times.
   */
  check(): Promise<void>;
  /** Others take over. */
  close(): Promise<void>;
}

/** Code `job`: an option of a source that turns out wrong when it is opened, to be told where it stands. */
export function optionError(option: readonly string[], message: string): StreamkitError {
  return new StreamkitError("job", message, { cause: { option } });
}

/** The option that an error of `optionError`'s is about; none for others. */
export function optionOf({ cause }: StreamkitError): readonly string[] {
  const { option } = (cause ?? {}) as { readonly option?: readonly string[] };
  return option ?? [];
}

export interface SourceGuess {
  readonly format: SourceConfig["format"];
  readonly delimiter?: string;
  /** What tells it, as in "by its name". */
  readonly by: string;
  /** The file that tells it. */
  readonly file: string;
}

export interface SourceKind<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** Whether records are read as they happen, so that a time far ahead of the clock is a wrong one. */
  readonly isLive: boolean;
  /** What a job waits for that has read all there is, as in "waiting for new files". */
  readonly waitsFor: string;
  /** The options an endpoint URL stands for; undefined where the URL is not of this kind. */
  fromUrl(url: string): unknown;
  /** Whether its lines are what others send: nothing of it is asked for again. */
  readonly isReceiver?: true;
  /** Whether it is read in partitions, each with a watermark of its own. */
  readonly hasPartitions?: true;
  /** How processes share the partitions; undefined where each reads all. */
  sharing?(options: Options): Sharing | undefined;
  /** Formats that this source alone can read. */
  readonly decodes?: readonly string[];
  /** Columns beside those of the record's own, like a message's key: what the segments' attributes hold. */
  attributes?(options: Options): readonly Column[];
  /** The format of what is there, where nobody names one and that can be told. */
  guess?(options: Options, baseFolder: string): Promise<SourceGuess | undefined>;
  open(options: Options, context: SourceContext): Promise<Source>;
}
