/** Calls to whichever of several servers can be reached, tried again for a while where none can. */

import type { Clock } from "../../base/clock.ts";
import { StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { durationText } from "../../base/units.ts";
import { connectThrift, type ThriftAddress, type ThriftConnection } from "./thrift-connection.ts";

export interface FailOver {
  /** The action may run again from its start after a failure that is retryable. */
  attempt<T>(action: (connection: ThriftConnection) => Promise<T>): Promise<T>;
  close(): void;
}

export interface FailOverOptions {
  readonly clock: Clock;
  /** The bound of a connection's making and of each call. */
  readonly timeoutMs: number;
  /** How long it is tried again, once a call has succeeded. */
  readonly retryForMs: number;
  /** Makes a new connection ready: its user, say. */
  readonly greet: (connection: ThriftConnection) => Promise<void>;
  readonly stop: AbortSignal | undefined;
}

/** Nothing was ever answered: the address is wrong rather than its server down. */
const FIRST_RETRY_FOR_MS = 5_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

const log = logger("metastore");

export function openFailOver(
  addresses: readonly ThriftAddress[],
  { clock, timeoutMs, retryForMs, greet, stop }: FailOverOptions,
): FailOver {
  let connection: ThriftConnection | undefined;
  let next = 0;
  let hasAnswered = false;
  let isClosed = false;

  /** One that is open, or one to the next server. */
  const connected = async (): Promise<ThriftConnection> => {
    if (connection?.isOpen() === true) return connection;
    const address = addresses[next % addresses.length];
    if (address === undefined) throw new StreamkitError("bug", "A server's address is expected");
    next += 1;
    connection = await connectThrift(address, timeoutMs);
    await greet(connection);
    return connection;
  };

  return {
    async attempt(action) {
      const startedAtMs = clock.monotonicMs();
      let delayMs = FIRST_DELAY_MS;
      for (let failures = 1; ; failures += 1) {
        try {
          const result = await action(await connected());
          hasAnswered = true;
          return result;
        } catch (error) {
          if (!(error instanceof StreamkitError) || !error.retryable || isClosed) throw error;
          connection?.close();
          connection = undefined;
          // All others are asked before we wait.
          if (failures % addresses.length !== 0) continue;
          const passedMs = clock.monotonicMs() - startedAtMs;
          const limitMs = hasAnswered ? retryForMs : FIRST_RETRY_FOR_MS;
          if (passedMs + delayMs > limitMs) throw error;
          if (failures === addresses.length && hasAnswered)
            log.warn(`${error.message}: it is tried again for ${durationText(retryForMs)}`);
          await clock.sleep(delayMs, stop);
          if (stop?.aborted === true)
            throw new StreamkitError("stopped", `${error.message}: it was not waited for`, { cause: error });
          delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
        }
      }
    },
    close() {
      isClosed = true;
      connection?.close();
    },
  };
}
