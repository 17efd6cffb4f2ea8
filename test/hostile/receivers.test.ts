/** What is sent to a job without a schema never ends it, nor does it keep it from starting again. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startJobProgram } from "../collect/program.ts";
import { sendTcp } from "../collect/senders.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { DEEP, ODD, SHALLOW } from "./corpus.ts";

const RECEIVERS = { http: "http://127.0.0.1:0/in", tcp: "tcp://127.0.0.1:0" } as const;

const jobOf = (from: string): object => ({
  name: "hostile",
  checkpoint: "./state",
  batch: "20ms",
  sources: { sent: { from } },
  queries: { rows: "SELECT good FROM sent" },
  sinks: [
    { from: "rows", to: "file:rows.ndjson" },
    { from: "dead_letters", to: "file:dead.ndjson" },
  ],
});

/** A line is the event's end over HTTP and TCP. */
const LINES = [...ODD, ...SHALLOW, ...DEEP].filter(({ bytes }) => !bytes.includes(10));
const FIRST = [
  ...DEEP.slice(1, 3),
  ...ODD.filter(({ what }) => /^(a number|a list|an empty key|NUL)$/.test(what)),
];

test.each(["http", "tcp"] as const)(
  "a job that is sent hostile lines over %s runs on",
  async (by) => {
    using folder = emptyFolder();
    const goodRows = (): number => {
      const file = join(folder.path, "rows.ndjson");
      return existsSync(file) ? readFileSync(file, "utf8").split('"good":1').length - 1 : 0;
    };
    for (const life of [1, 2]) {
      await using running = await startJobProgram("Bun", jobOf(RECEIVERS[by]), folder.path);
      const url = await running.address("sent");
      const send = async (lines: readonly Uint8Array[]): Promise<void> => {
        if (by === "tcp") {
          const parts = lines.flatMap((bytes) => [bytes, "\n"]);
          await sendTcp(url, parts, running.soFar("TCP"));
          return;
        }
        for (const bytes of lines) {
          let status = 503;
          const post = async (): Promise<boolean> => {
            ({ status } = await fetch(url, { method: "POST", body: new Uint8Array(bytes) }));
            return status !== 503;
          };
          // Who is told that there is no room now comes again.
          await until(running.soFar("a POST has room"), post);
          expect([200, 400, 413]).toContain(status);
        }
      };
      // Lines of which none is a record tell no columns: a record is waited for.
      await send((life === 1 ? FIRST : LINES).map(({ bytes }) => bytes));
      await send([Buffer.from('{"good":1}')]);
      await until(running.soFar("the good line is a row"), () => goodRows() === life);
      expect(await running.end("SIGTERM")).toBe(143);
    }
    const dead = readFileSync(join(folder.path, "dead.ndjson"), "utf8");
    expect(dead).toContain("Lists and objects are nested 60000 deep; 200 are taken at most");
  },
  90_000,
);
