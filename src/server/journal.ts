/**
 * The journal: what each batch did, one line of JSON a batch, in two bounded files of a checkpoint's folder.
 * A dashboard in another process follows it. It is a picture for people, not part of any guarantee.
 */

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { readExactJson, writeExactJson } from "../base/exact-json.ts";
import type { BatchProgress } from "../engine/batch-progress.ts";

export const JOURNAL_FILE = "live.ndjson";
/** The file before; its lines are older than all of `JOURNAL_FILE`. */
export const ROTATED_FILE = "live.1.ndjson";

/** With two files a checkpoint's journal takes at most twice this and a line. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

export interface Journal {
  /** Written when it returns. Throws code `io`. */
  append(outcome: BatchProgress): void;
  /** The last line of a run: why it ended. */
  end(reason: string): void;
  close(): void;
}

export interface JournalOptions {
  readonly maxFileBytes?: number;
}

/** Goes on with the journal of `folder`, which is made where it is missing. One writer at a time. */
export function openJournal(folder: string, options: JournalOptions = {}): Journal {
  const maxFileBytes = options.maxFileBytes ?? MAX_FILE_BYTES;
  const path = join(folder, JOURNAL_FILE);
  let fd = open();
  let sizeBytes = fstatSync(fd).size;
  // A crash in the middle of a line: end it, so that it costs no other line.
  if (sizeBytes > 0 && !endsWithNewline(fd, sizeBytes)) sizeBytes += writeSync(fd, "\n");

  function open(): number {
    try {
      mkdirSync(folder, { recursive: true });
      return openSync(path, "a+");
    } catch (error) {
      throw journalError(path, error);
    }
  }

  const append = (text: string): void => {
    try {
      if (sizeBytes >= maxFileBytes) {
        closeSync(fd);
        renameSync(path, join(folder, ROTATED_FILE));
        fd = open();
        sizeBytes = 0;
      }
      const line = Buffer.from(`${text}\n`);
      for (let written = 0; written < line.length; ) written += writeSync(fd, line, written);
      sizeBytes += line.length;
    } catch (error) {
      throw journalError(path, error);
    }
  };

  return {
    append: (outcome) => append(textOf(path, outcome)),
    end: (reason) => append(JSON.stringify({ ended: reason })),
    close: () => closeSync(fd),
  };
}

/**
 * The journal of a job, which it must not end: where it can't be written, a warning says so, and each batch
 * tries again. `warn` is told the first failure of several in a row.
 */
export function openOptionalJournal(
  folder: string,
  warn: (text: string) => void,
  options: JournalOptions = {},
): Journal {
  let journal: Journal | undefined;
  let isFailing = false;
  const attempt = (write: (to: Journal) => void): void => {
    try {
      journal ??= openJournal(folder, options);
      write(journal);
      isFailing = false;
    } catch (error) {
      try {
        journal?.close();
      } catch {
        // It could not be written: nothing is lost with it.
      }
      // Opened anew, it ends the line that was broken off.
      journal = undefined;
      if (!isFailing)
        warn(`${messageOf(error)}: dashboards that follow the checkpoint see no more of the job`);
      isFailing = true;
    }
  };
  attempt(() => {});
  return {
    append: (outcome) => attempt((to) => to.append(outcome)),
    end: (reason) => attempt((to) => to.end(reason)),
    close: () => journal?.close(),
  };
}

/** Gives what a journal holds, oldest first, and no batch twice in a row. Broken lines are passed over. */
export function replayJournal(folder: string, take: (outcome: BatchProgress) => void): void {
  let lastBatch: number | undefined;
  for (const name of [ROTATED_FILE, JOURNAL_FILE]) {
    const path = join(folder, name);
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    for (const line of lines) {
      const outcome = parseOutcome(line);
      if (outcome === undefined || outcome.report.batch === lastBatch) continue;
      lastBatch = outcome.report.batch;
      take(outcome);
    }
  }
}

export function parseOutcome(line: string): BatchProgress | undefined {
  try {
    const parsed = readExactJson(line) as Partial<BatchProgress> | null;
    const isOutcome = typeof parsed?.report?.batch === "number" && Array.isArray(parsed.outputs);
    return isOutcome ? (parsed as BatchProgress) : undefined;
  } catch {
    return undefined;
  }
}

/** Why a run ended; undefined where the line does not tell. */
export function parseEnd(line: string): string | undefined {
  if (!line.startsWith('{"ended":')) return undefined;
  try {
    const { ended } = JSON.parse(line) as { readonly ended?: unknown };
    return typeof ended === "string" ? ended : undefined;
  } catch {
    return undefined;
  }
}

/** What is nested too deep for JavaScript is no line either. */
function textOf(path: string, outcome: BatchProgress): string {
  try {
    return writeExactJson(outcome);
  } catch (error) {
    throw journalError(path, error);
  }
}

function endsWithNewline(fd: number, sizeBytes: number): boolean {
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, sizeBytes - 1);
  return last[0] === 0x0a;
}

function journalError(path: string, error: unknown): StreamkitError {
  return new StreamkitError("io", `Cannot write the journal "${path}": ${messageOf(error)}`, {
    component: "journal",
    cause: error,
  });
}
