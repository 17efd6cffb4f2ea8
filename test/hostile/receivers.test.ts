/** What is sent to a job without a schema never ends it, nor does it keep it from starting again. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startJobProgram } from "../collect/program.ts";
import { sendTcp } from "../collect/senders.ts";
import { emptyFolder } from "../e2e/binary.ts";
import { until, within } from "../server/until.ts";
import { DEEP, ODD, SHALLOW } from "./corpus.ts";

const job = {
  name: "hostile",
  checkpoint: "./state",
  batch: "20ms",
  sources: {
    posts: { from: "http://127.0.0.1:0/in" },
    lines: { from: "tcp://127.0.0.1:0" },
  },
  queries: { rows: "SELECT good, 'http' AS by FROM posts UNION ALL SELECT good, 'tcp' AS by FROM lines" },
  sinks: [
    { from: "rows", to: "file:rows.ndjson" },
    { from: "dead_letters", to: "file:dead.ndjson" },
  ],
};

/** A line is the event's end over HTTP and TCP. */
const LINES = [...ODD, ...SHALLOW, ...DEEP].filter(({ bytes }) => !bytes.includes(10));
const FIRST = [
  ...DEEP.slice(1, 3),
  ...ODD.filter(({ what }) => /^(a number|a list|an empty key|NUL)$/.test(what)),
];

describe("a job that is sent hostile lines", () => {
  test("takes each, runs on, and starts again", async () => {
    using folder = emptyFolder();
    const wholeRows = (): number => {
      const file = join(folder.path, "rows.ndjson");
      return existsSync(file) ? readFileSync(file, "utf8").split('"good":1').length - 1 : 0;
    };
    for (const life of [1, 2]) {
      await using running = await startJobProgram("Bun", job, folder.path);
      const [url, tcp] = [await running.address("posts"), await running.address("lines")];
      const post = (body: string | Uint8Array<ArrayBuffer>): Promise<number> =>
        within(
          running.soFar("a POST"),
          fetch(url, { method: "POST", body }).then(({ status }) => status),
        );
      // Nothing but odd lines tells no columns: records are waited for.
      for (const { what, bytes } of life === 1 ? FIRST : LINES)
        expect([200, 400, 413], what).toContain(await post(new Uint8Array(bytes)));
      await sendTcp(
        tcp,
        (life === 1 ? FIRST : LINES).flatMap(({ bytes }) => [bytes, "\n"]),
        running.soFar("TCP"),
      );
      expect(await post('{"good":1}\n')).toBe(200);
      await sendTcp(tcp, ['{"good":1}\n'], running.soFar("TCP"));
      await until(running.soFar("the good lines are rows"), () => wholeRows() >= 2 * life);
      expect(wholeRows()).toBe(2 * life);
      expect(await running.end("SIGTERM")).toBe(143);
    }
    const dead = readFileSync(join(folder.path, "dead.ndjson"), "utf8");
    expect(dead).toContain("Lists and objects are nested 60000 deep; 200 are taken at most");
  }, 90_000);
});
