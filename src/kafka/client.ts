/**
 * Clients of Kafka: connected, or refused with one clear line within ten seconds. What happens to a connected
 * one later is said once when it goes away and once when it is back; librdkafka itself goes on trying.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { type KafkaLibrary, loadKafka } from "../runtime/kafka.ts";
import {
  eventFault,
  FAULT,
  faultOf,
  isAddressFault,
  isIdentityFault,
  type KafkaFault,
  kafkaError,
  plainReason,
} from "./errors.ts";
import { type ConsumerLane, openConsumerLane } from "./lane.ts";
import { type ConnectionOptions, connectionSettings } from "./options.ts";
import { fetchToken } from "./token.ts";

export type Consumer = InstanceType<KafkaLibrary["KafkaConsumer"]>;
export type Producer = InstanceType<KafkaLibrary["Producer"]>;

export interface Reach {
  readonly connection: ConnectionOptions;
  /** Files of certificates are named from here. */
  readonly baseFolder: string;
  readonly clock: Clock;
}

export interface Connected<Client> {
  readonly library: KafkaLibrary;
  readonly client: Client;
  /** The address, as a person wrote it. */
  readonly brokers: string;
  /** The broker has answered: if it was said to be away, it is said to be back. */
  alive(): void;
  /** Undefined where the broker is away, or not ready yet: it may be asked again later. */
  unlessAway<Answer>(answer: Promise<Answer>): Promise<Answer | undefined>;
  /** Whether it was said to be away, and has not answered since. */
  isAway(): boolean;
  /** Resolves when it is disconnected, or after a while. */
  close(): Promise<void>;
}

/** Upstream waits 30 s. */
const CONNECT_TIMEOUT_MS = 8000;
const CLOSE_TIMEOUT_MS = 8000;
/** What never was connected has nothing to end, and upstream waits for its metadata. */
const FAILED_CLOSE_TIMEOUT_MS = 200;
const POLL_MS = 50;
/** When it is told what stands in the way, though we go on trying. */
const TELL_AFTER_MS = 1000;

/** `settings`: also upstream's callbacks. */
export function connectConsumer(
  reach: Reach,
  settings: Readonly<Record<string, unknown>>,
): Promise<Connected<Consumer>> {
  return connect(reach, settings, (library, all, topics) => new library.KafkaConsumer(all, topics));
}

export function connectProducer(
  reach: Reach,
  settings: Readonly<Record<string, unknown>>,
): Promise<Connected<Producer>> {
  return connect(reach, settings, (library, all, topics) => new library.Producer(all, topics));
}

/** librdkafka's settings of topics: upstream forgets them where they stand among those of the client. */
const TOPIC_SETTINGS: ReadonlySet<string> = new Set([
  "acks",
  "request.required.acks",
  "request.timeout.ms",
  "message.timeout.ms",
  "delivery.timeout.ms",
  "queuing.strategy",
  "partitioner",
  "compression.level",
  "auto.offset.reset",
]);

function settingsOf(all: Readonly<Record<string, unknown>>, areTopics: boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => TOPIC_SETTINGS.has(name) === areTopics));
}

/** What both kinds of clients have. */
type Client = Consumer | Producer;

async function connect<Kind extends Client>(
  reach: Reach,
  settings: Readonly<Record<string, unknown>>,
  create: (
    library: KafkaLibrary,
    settings: Record<string, unknown>,
    topicSettings: Record<string, unknown>,
  ) => Kind,
): Promise<Connected<Kind>> {
  const { connection, baseFolder, clock } = reach;
  const library = await loadKafka();
  const all: Record<string, unknown> = { ...settings, ...connectionSettings(connection, baseFolder) };
  const { sasl } = connection;
  let tokenFailure: string | undefined;
  if (sasl?.mechanism === "OAUTHBEARER")
    all["oauthbearer_token_refresh_cb"] = async () => {
      try {
        return await fetchToken(sasl, clock.nowMs());
      } catch (error) {
        tokenFailure = messageOf(error);
        throw error;
      }
    };
  let client: Kind;
  try {
    client = create(library, settingsOf(all, false), settingsOf(all, true));
  } catch (error) {
    throw new StreamkitError("job", `Kafka's settings: ${faultOf(error).message}`, {
      component: "kafka",
      cause: error,
    });
  }
  // A failing token is told with the connection; without a listener it would end the process.
  client.on("error", () => {});
  const { brokers } = connection;
  const attempt = await ready(client, { library, brokers, clock, whyNoToken: () => tokenFailure });
  if (attempt !== undefined) {
    await closed(client, clock, FAILED_CLOSE_TIMEOUT_MS);
    const fault = tokenFailure === undefined ? attempt : { ...attempt, message: tokenFailure };
    throw refusal(brokers, fault, tokenFailure !== undefined);
  }
  return { library, client, brokers, ...watch(client, brokers), close: () => closed(client, clock) };
}

function refusal(brokers: string, fault: KafkaFault, isToken: boolean): StreamkitError {
  if (isToken || isIdentityFault(fault)) return kafkaError(`Kafka at ${brokers} refuses us`, fault, false);
  return kafkaError(`Kafka at ${brokers} can't be reached`, fault);
}

interface Attempt {
  readonly library: KafkaLibrary;
  readonly brokers: string;
  readonly clock: Clock;
  readonly whyNoToken: () => string | undefined;
}

/** Undefined when it is connected; else the fault that says most, in the words of librdkafka's log. */
function ready(client: Client, attempt: Attempt): Promise<KafkaFault | undefined> {
  const { library, brokers, clock, whyNoToken } = attempt;
  return new Promise((resolve) => {
    let best: KafkaFault | undefined;
    let reason: string | undefined;
    const serve = servant(library, client);
    const startedMs = clock.monotonicMs();
    let isTold = false;
    const tellInTime = (): void => {
      if (isTold || best === undefined || clock.monotonicMs() - startedMs < TELL_AFTER_MS) return;
      isTold = true;
      const why = plainReason({ ...best, message: whyNoToken() ?? reason ?? best.message });
      logger("kafka").warn(
        `Kafka at ${brokers} can't be reached: ${why}. Trying for ${CONNECT_TIMEOUT_MS / 1000} s`,
      );
    };
    const polling = setInterval(() => {
      serve.now();
      tellInTime();
    }, POLL_MS);
    const settle = (fault: KafkaFault | undefined): void => {
      clearInterval(polling);
      client.removeListener("event.error", note);
      client.removeListener("event.log", noteReason);
      const found = fault && { ...fault, message: reason ?? fault.message };
      void serve.end().then(() => resolve(found));
    };
    // No retry will make it right.
    const settleIfHopeless = (): void => {
      if (best !== undefined && isIdentityFault(best) && reason !== undefined) settle(best);
    };
    // "All brokers are down" and "timed out" say less than what made it so.
    const isVague = ({ code }: KafkaFault): boolean =>
      code === FAULT.allBrokersDown || code === FAULT.timedOut;
    const note = (thrown: unknown): void => {
      const fault = eventFault(thrown);
      if (best === undefined || isIdentityFault(fault) || (isVague(best) && !isVague(fault))) best = fault;
      settleIfHopeless();
    };
    const noteReason = ({ fac, message }: LogEvent): void => {
      if (fac === "FAIL") reason = message;
      settleIfHopeless();
    };
    client.on("event.error", note);
    client.on("event.log", noteReason);
    client.connect({ timeout: CONNECT_TIMEOUT_MS }, (error: unknown) => {
      const failed = error !== undefined && error !== null;
      settle(failed ? (best ?? faultOf(error)) : undefined);
    });
  });
}

/** What a client's events say, like a refused login, is heard of when it is polled. */
function servant(library: KafkaLibrary, client: Client): { now: () => void; end: () => Promise<void> } {
  if ("poll" in client)
    return {
      now() {
        if (client.isConnected()) client.poll();
      },
      end: async () => undefined,
    };
  let lane: ConsumerLane | undefined;
  let filling: Promise<unknown> | undefined;
  return {
    now() {
      if (filling !== undefined || !client.isConnected()) return;
      lane ??= openConsumerLane(library, client);
      // Nothing is assigned yet: there are no records.
      filling = lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 }).finally(() => {
        filling = undefined;
      });
    },
    async end() {
      await filling;
      await lane?.close();
    },
  };
}

/** What librdkafka says of itself; `fac` is FAIL where a connection failed. */
interface LogEvent {
  readonly fac: string;
  readonly message: string;
}

/** Says once that the broker is away, and, when it answers, that it is back. */
function watch(client: Client, brokers: string): Pick<Connected<Client>, "alive" | "unlessAway" | "isAway"> {
  let isAway = false;
  let signs = 0;
  const miss = (): void => {
    if (!isAway) logger("kafka").warn(`Kafka at ${brokers} is away: trying again until it is back`);
    isAway = true;
  };
  client.on("event.error", (thrown: unknown) => {
    const fault = eventFault(thrown);
    if (!isAddressFault(fault) && !isIdentityFault(fault)) return;
    // One broker of several may go; librdkafka then uses the others.
    if (fault.code === FAULT.allBrokersDown) miss();
    else if (isIdentityFault(fault))
      logger("kafka").warn(`Kafka at ${brokers} refuses us: ${plainReason(fault)}`);
  });
  const alive = (): void => {
    if (isAway) logger("kafka").info(`Kafka at ${brokers} is back`);
    isAway = false;
    signs += 1;
  };
  return {
    alive,
    async unlessAway(answer) {
      const before = signs;
      try {
        const found = await answer;
        alive();
        return found;
      } catch (error) {
        if (!(error instanceof StreamkitError && error.retryable)) throw error;
        // It is known sooner than what librdkafka says of its connections.
        if (isAddressFault(faultOf(error.cause)) && signs === before) miss();
        return undefined;
      }
    },
    isAway: () => isAway,
  };
}

async function closed(client: Client, clock: Clock, timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
  const disconnected = new Promise<void>((resolve) => {
    try {
      client.disconnect(() => resolve());
    } catch {
      resolve();
    }
  });
  const limit = new AbortController();
  await Promise.race([disconnected.finally(() => limit.abort()), clock.sleep(timeoutMs, limit.signal)]);
}

/** A call of upstream's that ends in a callback `(error, value)`. Rejects with what upstream gives. */
export function called<T>(action: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      action((error, value) => (error !== undefined && error !== null ? reject(error) : resolve(value as T)));
    } catch (error) {
      reject(error);
    }
  });
}
