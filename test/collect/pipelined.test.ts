/** Requests that come before the ones in front of them are answered: each has its answer, in their order. */

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { serveReceiver } from "../../src/runtime/http-receiver.ts";
import { until } from "../support/until.ts";

const post = (body: string): string =>
  `POST /in HTTP/1.1\r\nHost: receiver\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

for (const together of [true, false])
  test(`three POSTs, ${together ? "in one piece" : "one by one"}, while the first waits`, async () => {
    const held = Promise.withResolvers<void>();
    const taken: string[] = [];
    const server = await serveReceiver({
      host: "127.0.0.1",
      port: 0,
      clock: systemClock,
      async take({ body }) {
        const text = await new Response(body as BodyInit | undefined).text();
        await held.promise;
        taken.push(text);
        return new Response(text);
      },
    });
    const bodies = ["first", "second", "third"];
    const socket = connect(server.port, "127.0.0.1").setNoDelay(true);
    let answers = "";
    socket.on("data", (bytes) => {
      answers += bytes.toString();
    });
    try {
      if (together) socket.write(bodies.map(post).join(""));
      else for (const body of bodies) await new Promise((resolve) => socket.write(post(body), resolve));
      held.resolve();
      await until("three answers", () => answers.split("HTTP/1.1 200").length === 4);
      expect([...(answers.match(/first|second|third/g) ?? [])]).toEqual(bodies);
      expect(taken.toSorted()).toEqual(bodies);
    } finally {
      socket.destroy();
      await server.close();
    }
  });

test("what is being answered as the server closes is answered", async () => {
  const asked = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const server = await serveReceiver({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    async take() {
      asked.resolve();
      await held.promise;
      return new Response("safe");
    },
  });
  const answered = fetch(`http://127.0.0.1:${server.port}/in`, { method: "POST", body: "event" });
  await asked.promise;
  const closed = server.close();
  held.resolve();
  expect(await (await answered).text()).toBe("safe");
  await closed;
});
