/** A client of the API's socket that gives its messages one after the other. */

import { readExactJson } from "../../src/base/exact-json.ts";

export interface Message {
  readonly type: string;
  readonly topic?: number;
  readonly sequence?: number;
  readonly instance?: string;
  readonly message?: string;
  readonly rows?: readonly Readonly<Record<string, unknown>>[];
}

export async function socketClient(url: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/live`);
  const messages: Message[] = [];
  let wake: (() => void) | undefined;
  const closed = new Promise<CloseEvent>((resolve) =>
    socket.addEventListener("close", (event) => {
      resolve(event);
      wake?.();
    }),
  );
  socket.addEventListener("message", (event) => {
    const message = readExactJson(String(event.data)) as Message;
    if (message.type !== "alive") messages.push(message);
    wake?.();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  return {
    socket,
    closed,
    say: (text: string) => socket.send(text),
    async next(): Promise<Message> {
      for (;;) {
        const message = messages.shift();
        if (message !== undefined) return message;
        if (socket.readyState === WebSocket.CLOSED) throw new Error("The socket is closed");
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
