/** Lets what makes chunks go on while those that it made are used, within bounds. */

/** Chunks of `from`, of which so many bytes may wait. What `from` returns and throws comes in its place. */
export function readAhead<Result>(
  from: AsyncGenerator<Buffer, Result>,
  maxBytes: number,
): AsyncGenerator<Buffer, Result> {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let outcome: (() => Result) | undefined;
  let isClosed = false;
  let isRunning: Promise<void> | undefined;
  let wake = (): void => {};

  const hasRoom = (): boolean => outcome === undefined && waitingBytes < maxBytes && !isClosed;

  const fill = async (): Promise<void> => {
    while (hasRoom()) {
      try {
        const next = await from.next();
        if (next.done === true) {
          const { value } = next;
          outcome = () => value;
        } else {
          waiting.push(next.value);
          waitingBytes += next.value.length;
        }
      } catch (error) {
        outcome = () => {
          throw error;
        };
      }
      wake();
    }
    isRunning = undefined;
  };

  async function* taken(): AsyncGenerator<Buffer, Result> {
    try {
      for (;;) {
        if (hasRoom()) isRunning ??= fill();
        const chunk = waiting.shift();
        if (chunk !== undefined) {
          waitingBytes -= chunk.length;
          yield chunk;
        } else if (outcome !== undefined) return outcome();
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      isClosed = true;
      await isRunning;
      await from.return(undefined as Result);
    }
  }
  return taken();
}
