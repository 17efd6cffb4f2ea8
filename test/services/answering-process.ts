/** A program that lives beside the tests and answers requests: one JSON object a line, both ways. */

export interface Request {
  readonly method: string;
  readonly [parameter: string]: unknown;
}

/** The program's answer; the error that it answers with is thrown as an Error with its text. */
export type Ask = (request: Request) => Promise<unknown>;

export interface Answering {
  readonly ask: Ask;
  /** Resolves when the program is gone, or has said what is no answer: it answers no more. */
  readonly ended: Promise<void>;
  kill(): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (thrown: Error) => void;
}

/** `name` is what errors call it. Requests have an `id` added, which the answer bears too. */
export function startAnswering(
  name: string,
  program: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answering {
  const child = Bun.spawn([...program], {
    env: { ...process.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const waiting = new Map<number, Waiting>();
  // While it owes an answer it keeps the process alive, and only then.
  child.unref();
  const take = (line: string): void => {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const asked = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) child.unref();
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error));
  };
  const said = { stderr: "" };
  void eachLine(child.stderr, (line) => {
    said.stderr = `${said.stderr}${line}\n`.slice(-4000);
  });
  const end = (why: string): void => {
    child.kill("SIGKILL");
    for (const { reject } of waiting.values()) reject(new Error(`${name} ${why}\n${said.stderr}`));
    waiting.clear();
  };
  const ended = eachLine(child.stdout, take).then(
    () => end("ended"),
    (thrown: unknown) => end(`said what is no answer: ${String(thrown)}`),
  );
  let lastId = 0;
  return {
    ended,
    kill: () => child.kill("SIGKILL"),
    async ask(request) {
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiting.set(id, { resolve, reject });
      child.ref();
      await child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
      await child.stdin.flush();
      return promise;
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}
