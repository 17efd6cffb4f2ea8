/** Waiting for something to change, without asking again and again. */

export interface Signal {
  /** Ends every `wait` that is under way. */
  wake(): void;
  /** Resolves at the next `wake`, or at once when `stop` aborts. Never rejects. */
  wait(stop?: AbortSignal): Promise<void>;
}

export function createSignal(): Signal {
  let waiting: (() => void)[] = [];
  return {
    wake() {
      for (const resolve of waiting.splice(0)) resolve();
    },
    wait: (stop) =>
      new Promise((resolve) => {
        if (stop?.aborted === true) return resolve();
        const finish = () => {
          stop?.removeEventListener("abort", abort);
          resolve();
        };
        const abort = () => {
          waiting = waiting.filter((other) => other !== finish);
          resolve();
        };
        stop?.addEventListener("abort", abort, { once: true });
        waiting.push(finish);
      }),
  };
}
