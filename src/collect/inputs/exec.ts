/**
 * The standard output of a program, a line an event. What it wrote can't be asked for again: lines that the
 * program had not written when we stopped, or that no channel had, are its own affair.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { z } from "zod";
import { StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { durationMs } from "../../base/units.ts";
import type { EventWriter } from "../event-writer.ts";
import { type Events, lineFraming } from "./frames.ts";
import type { Input, InputContext, InputKind } from "./input.ts";

const options = z.strictObject({
  command: z.string().min(1).describe("run by the shell"),
  shell: z.string().min(1).default("/bin/sh -c").describe("the shell, with the flag that takes a command"),
  restart: z.boolean().default(false).describe("start it again when it has ended"),
  restart_after: z
    .string()
    .default("10s")
    .refine((text) => durationMs(text) !== undefined, "must be a duration like 10s")
    .describe("how long after its end"),
  max_line: z.int().min(1).default(1_048_576).describe("a longer line is cut there, in bytes"),
});
type Options = z.infer<typeof options>;

export const execInput: InputKind<Options> = {
  name: "exec",
  summary: "the lines that a program writes to its standard output",
  options,
  fromUrl: () => undefined,
  open: async (given, intake, context) => runCommand(given, intake, context),
};

/** How long a program may take to end. */
const KILL_MS = 2000;

function signalGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // All of them have ended.
  }
}

function runCommand(given: Options, intake: EventWriter, { clock, name, isBounded }: InputContext): Input {
  const closed = new AbortController();
  const log = logger("collect");
  const [shell = "/bin/sh", ...flags] = given.shell.split(/\s+/);

  async function once(): Promise<number | null> {
    // In a group of its own, so that whatever the shell has started can be ended with it.
    const child = spawn(shell, [...flags, given.command], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", (error) =>
        reject(new StreamkitError("io", `"${given.command}" can't be run: ${error.message}`)),
      );
      child.once("close", resolve);
    });
    ended.catch(() => {});
    const isOver = new AbortController();
    const kill = (): void => {
      signalGroup(child, "SIGTERM");
      // What does not listen to that, or left the group, is waited for no longer.
      void clock.sleep(KILL_MS, isOver.signal).then(() => {
        if (isOver.signal.aborted) return;
        signalGroup(child, "SIGKILL");
        child.stdout.destroy();
        child.stderr.destroy();
      });
    };
    closed.signal.addEventListener("abort", kill);
    child.stderr.on("data", (text: Buffer) =>
      log.warn(`${name}: {text}`, { text: text.toString().trimEnd() }),
    );
    const framing = lineFraming(given.max_line);
    const take = async (events: Events | undefined): Promise<void> => {
      if (events !== undefined) await intake.put({ ...events, headers: {} });
    };
    try {
      try {
        for await (const chunk of child.stdout as AsyncIterable<Buffer>) await take(framing.push(chunk));
      } catch (error) {
        if (!closed.signal.aborted || error instanceof StreamkitError) throw error;
      }
      await take(framing.end());
      await intake.flush();
      return await ended;
    } finally {
      isOver.abort();
      closed.signal.removeEventListener("abort", kill);
      signalGroup(child, "SIGTERM");
    }
  }

  async function again(): Promise<void> {
    while (!closed.signal.aborted) {
      const code = await once();
      if (closed.signal.aborted) return;
      if (code !== 0) log.warn(`${name}: "${given.command}" ended with ${String(code)}`);
      if (!given.restart || isBounded) return;
      await clock.sleep(durationMs(given.restart_after) ?? 0, closed.signal);
    }
  }

  const done = again();
  done.catch(() => {});
  return {
    done,
    async close() {
      closed.abort();
      await done.catch(() => {});
    },
  };
}
