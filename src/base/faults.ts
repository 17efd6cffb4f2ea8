/** Collects what is wrong in a job, so that all of it is told at once. */

import { JobError, StreamkitError } from "./error.ts";

export interface Faults {
  add(fault: StreamkitError): void;
  /** The action's result; undefined where it throws code `job`, which is kept. Other errors are thrown. */
  attempt<T>(action: () => T | Promise<T>): Promise<T | undefined>;
  isEmpty(): boolean;
  /** Throws code `job` with all that was found. */
  throwIfAny(): void;
}

/** More are not read by anybody. */
const MAX_TOLD = 20;

export function openFaults(): Faults {
  const found: StreamkitError[] = [];
  return {
    add: (fault) => void found.push(fault),
    async attempt(action) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof StreamkitError) || error.code !== "job") throw error;
        found.push(error);
        return undefined;
      }
    },
    isEmpty: () => found.length === 0,
    throwIfAny() {
      const [first, ...more] = found;
      if (first === undefined) return;
      if (more.length === 0) throw first;
      const inOrder = found.toSorted((a, b) => lineOf(a) - lineOf(b));
      const told = inOrder.slice(0, MAX_TOLD).map(({ message }) => `\n  ${message.replaceAll("\n", "\n  ")}`);
      const rest = found.length > MAX_TOLD ? `\n  and ${found.length - MAX_TOLD} more` : "";
      throw new StreamkitError("job", `${found.length} errors in the job:${told.join("")}${rest}`, {
        cause: first,
      });
    },
  };
}

function lineOf(fault: StreamkitError): number {
  return fault instanceof JobError ? (fault.line ?? 0) : 0;
}
