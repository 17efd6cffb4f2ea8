/** The one error type of the house. Made next to where it is thrown; `main.ts` turns it into an exit code. */

export type ErrorCode =
  | "usage" // a wrong flag or argument: exit 2
  | "job" // a wrong job file or query: exit 2
  | "input" // the input can't be used
  | "io" // a file, folder or socket failed
  | "failed" // what was to be tested is not so
  | "engine" // DuckDB or the batch loop failed
  | "stopped" // work under way was given up after a signal: exit 130 or 143
  | "closed_pipe" // the reader of our stdout went away: exit 0
  | "bug"; // only a fault of ours can cause it

export interface ErrorOptions {
  readonly component?: string;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class StreamkitError extends Error {
  readonly code: ErrorCode;
  readonly component: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "StreamkitError";
    this.code = code;
    this.component = options.component;
    this.retryable = options.retryable ?? false;
  }
}

/** A fault in a job file, with the place a person can go to. `line` and `column` count from 1. */
export class JobError extends StreamkitError {
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly keyPath: string;

  constructor(
    message: string,
    place: {
      file?: string | undefined;
      line?: number | undefined;
      column?: number | undefined;
      keyPath: string;
    },
    options: ErrorOptions = {},
  ) {
    const where = [place.file, place.line, place.column].filter((part) => part !== undefined).join(":");
    const key = place.keyPath === "" ? "" : `${place.keyPath}: `;
    super("job", `${where === "" ? "" : `${where}: `}${key}${message}`, options);
    this.name = "JobError";
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
    this.keyPath = place.keyPath;
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
