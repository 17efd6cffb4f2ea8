/**
 * What a query does with the rows that it fails on (`on_error`). An execution runs its steps through here: a
 * step that fails for what its rows hold is run again without the rows, groups or windows that cause it, and
 * these become dead letters in the batch's own commit. Nothing is done where no step fails.
 */

import { StreamkitError } from "../../base/error.ts";
import { isAboutValues, reasonOf } from "../../duckdb/data-error.ts";
import type { Database, DuckdbError } from "../../duckdb/database.ts";
import type { OnError } from "../../job/schema.ts";
import { type BatchRows, type InputTable, openBatchRows, type RowsAtHand } from "./batch-rows.ts";
import { type Described, describeUnit, type OriginsOf, sendLetters } from "./letters.ts";
import { type Attempt, firstFailing, sift, siftInOrder, type Units } from "./sift.ts";

/** A step over the rows that the batch brings. May be run again: it changes no state. */
interface RowStep<T> extends RowsAtHand {
  run(): Promise<T>;
  /**
   * Adds what the rows at hand give to what `run` has made of others; left out where rows must be together.
   */
  append?(): Promise<T>;
  /**
   * Rows of former batches that the step reads too; `suspects`: those that may be the cause by themselves.
   */
  kept?(which: "suspects" | "all"): Promise<StepUnits | undefined>;
}

/** Units that a step reads beside the batch's rows: kept rows, groups, windows. */
export interface StepUnits extends Units, Described {
  /** What one of them is called: `The group`. */
  readonly noun: string;
}

interface UnitStep<T> {
  run(): Promise<T>;
  /** Opened where the step fails; in the order in which they are tried. */
  readonly units: readonly (() => Promise<StepUnits>)[];
}

export interface Aside {
  overRows<T>(step: RowStep<T>): Promise<T>;
  overUnits<T>(step: UnitStep<T>): Promise<T>;
}

export interface AsideOptions {
  readonly database: Database;
  readonly query: string;
  readonly batch: number;
  readonly policy: OnError;
  readonly inputs: readonly InputTable[];
  readonly originsOf: OriginsOf;
}

export interface OpenAside extends Aside {
  /** How many dead letters there are. */
  letters(): number;
  /** The query's input tables hold all rows again, for the queries after it. */
  close(): Promise<void>;
}

interface Step<T> {
  run(): Promise<T>;
}

export function openAside(options: AsideOptions): OpenAside {
  const { database, query, batch, inputs, originsOf } = options;
  let rows: BatchRows | undefined;
  let letters = 0;

  /** The error of a job that stops: at the first unit that fails alone, or else at the batch. */
  const stopAt = async (units: Units & Described, noun: string, attempt: Attempt): Promise<never> => {
    const found = await firstFailing(units, attempt);
    const unit = found === undefined ? "" : await describeUnit(database, units, found.position, originsOf);
    await units.show(0, units.count);
    const reason = found?.reason ?? (await attempt()) ?? "";
    throw new StreamkitError(
      "input",
      [
        `Query ${query} fails in batch ${batch}: ${reason}`,
        ...(found === undefined ? [] : [`  ${noun} ${unit}`]),
        "  Nothing of the batch was written; the next start repeats it. Mend the SQL (TRY_CAST is NULL), " +
          "or say on_error: dead_letter, which puts the row aside, or on_error: null",
      ].join("\n"),
    );
  };
  /** Puts aside what fails; true where the step then succeeds. Everything that is left is shown. */
  const settle = async <T>(
    units: Units & Described,
    step: Step<T>,
    { noun, find = sift }: { readonly noun: string; readonly find?: typeof sift },
  ): Promise<boolean> => {
    const attempt = attemptOf(step);
    await units.show(0, units.count);
    if ((await attempt()) === undefined) return true;
    if (options.policy === "stop") return stopAt(units, noun, attempt);
    await find(units, attempt);
    await units.show(0, units.count);
    return (await attempt()) === undefined;
  };
  const send = async (units: Described): Promise<void> => {
    letters += await sendLetters(database, units, { query, batch, originsOf });
  };

  return {
    async overRows(step) {
      const failure = await failureOf(step);
      if ("value" in failure) return failure.value;
      const attempt = attemptOf(step);
      rows ??= await openBatchRows(database, inputs, step);
      const suspects = await step.kept?.("suspects");
      if (suspects !== undefined) await suspects.show(0, 0);
      await rows.show(0, 0);
      if ((await attempt()) !== undefined) {
        const all = await step.kept?.("all");
        if (all === undefined || !(await settle(all, step, { noun: "The kept row" })))
          throw whatever(query, failure.error);
        await send(all);
      }
      const isSettled =
        (await settle(rows, step, { noun: "The row" })) ||
        (step.append === undefined && (await settle(rows, step, { noun: "The row", find: siftInOrder })));
      if (suspects !== undefined && !(await settle(suspects, step, { noun: "The kept row" })))
        throw failure.error;
      const value =
        isSettled || step.append === undefined
          ? await step.run()
          : await inPieces(rows, step.run, step.append);
      if (suspects !== undefined) await send(suspects);
      await send(rows);
      return value;
    },
    async overUnits(step) {
      const failure = await failureOf(step);
      if ("value" in failure) return failure.value;
      for (const open of step.units) {
        const units = await open();
        await units.show(0, 0);
        const isTheirs = units.count > 0 && (await attemptOf(step)()) === undefined;
        const isSettled = isTheirs && (await settle(units, step, units));
        await units.show(0, units.count);
        if (isTheirs) await send(units);
        if (isSettled) return step.run();
      }
      throw whatever(query, failure.error);
    },
    letters: () => letters,
    async close() {
      await rows?.restore();
      rows = undefined;
    },
  };
}

async function failureOf<T>(step: Step<T>): Promise<{ readonly value: T } | { readonly error: DuckdbError }> {
  try {
    return { value: await step.run() };
  } catch (error) {
    if (isAboutValues(error)) return { error };
    throw error;
  }
}

function attemptOf(step: Step<unknown>): Attempt {
  return async () => {
    const failure = await failureOf(step);
    return "error" in failure ? reasonOf(failure.error) : undefined;
  };
}

/** The rows are fine one by one, and fail together: each run of them that does not fail gives its part. */
async function inPieces<T>(rows: Units, run: () => Promise<T>, append: () => Promise<T>): Promise<T> {
  let take = run;
  const piece = async (from: number, to: number): Promise<T> => {
    await rows.show(from, to);
    const failure = await failureOf({ run: take });
    if ("value" in failure) {
      take = append;
      return failure.value;
    }
    if (to - from <= 1) throw failure.error;
    const middle = from + ((to - from) >> 1);
    await piece(from, middle);
    return piece(middle, to);
  };
  return piece(0, rows.count);
}

/** What is wrong with the query, or with its state, and not with a row. */
function whatever(query: string, error: DuckdbError): StreamkitError {
  return new StreamkitError(
    "engine",
    `Query ${query} fails whatever rows it is given: ${reasonOf(error)}. Mend its SQL`,
    { cause: error },
  );
}
