/**
 * What the program says about itself, on stderr. Rooms call `logger("engine")`; only `main.ts` configures.
 */

import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";

export type LogLevel = "debug" | "info" | "warning" | "error";

/** A logger of one room. Its messages are sentences for a person. */
export function logger(component: string): Logger {
  return getLogger(["streamkit", component]);
}

/** Sends everything from `level` up to `writeLine`, one line a message. May be called again. */
export function configureLogging(level: LogLevel, writeLine: (line: string) => void): void {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => writeLine(lineOf(record)) },
    loggers: [
      { category: "streamkit", lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

function lineOf(record: LogRecord): string {
  const text = record.message.map(String).join("");
  const prefix = record.level === "info" ? "" : `${record.level}: `;
  return `streamkit: ${prefix}${text}`;
}
