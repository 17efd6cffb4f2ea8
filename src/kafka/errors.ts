/** What librdkafka says, as errors of ours: one line that a person can act on. */

import { StreamkitError } from "../base/error.ts";

/** As upstream makes them: a number of librdkafka's (negative) or of the protocol's. */
export interface KafkaFault {
  readonly code: number;
  readonly message: string;
}

/** The numbers that are told apart; all stand in rdkafka.h. */
export const FAULT = {
  badMessage: -199,
  badCompression: -198,
  transport: -195,
  resolve: -193,
  unknownPartition: -190,
  unknownTopic: -188,
  allBrokersDown: -187,
  invalidArgument: -186,
  timedOut: -185,
  ssl: -181,
  assign: -175,
  revoke: -174,
  authentication: -169,
  autoOffsetReset: -140,
  noOffset: -168,
  unsupportedFeature: -165,
  fatal: -150,
  fenced: -144,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  recordTooLarge: 10,
  invalidTopic: 17,
  recordListTooLarge: 18,
  invalidAcks: 21,
  networkException: 13,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  unsupportedVersion: 35,
  invalidRequest: 42,
  unsupportedForFormat: 43,
  policyViolation: 44,
  invalidProducerEpoch: 47,
  invalidTransactionTimeout: 50,
  transactionalIdAuthorizationFailed: 53,
  storageError: 56,
  saslAuthenticationFailed: 58,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  unsupportedCompression: 76,
  offsetNotAvailable: 78,
  invalidRecord: 87,
  unstableOffsetCommit: 88,
  producerFenced: 90,
  unknownTopicId: 100,
} as const;

const IDENTITY_FAULTS: ReadonlySet<number> = new Set([
  FAULT.ssl,
  FAULT.authentication,
  FAULT.saslAuthenticationFailed,
]);
const ADDRESS_FAULTS: ReadonlySet<number> = new Set([
  FAULT.transport,
  FAULT.resolve,
  FAULT.allBrokersDown,
  FAULT.timedOut,
]);

const UNKNOWN_TOPIC_FAULTS: ReadonlySet<number> = new Set([
  FAULT.unknownTopicOrPartition,
  FAULT.unknownTopic,
  FAULT.unknownPartition,
  FAULT.unknownTopicId,
]);
const FORBIDDEN_FAULTS: ReadonlySet<number> = new Set([
  FAULT.topicAuthorizationFailed,
  FAULT.groupAuthorizationFailed,
]);
const COORDINATOR_FAULTS: ReadonlySet<number> = new Set([
  FAULT.coordinatorLoading,
  FAULT.coordinatorNotAvailable,
  FAULT.notCoordinator,
  FAULT.unstableOffsetCommit,
]);
/** Of a broker that is just starting, and of a partition that moves to another one. */
const STARTING_FAULTS: ReadonlySet<number> = new Set([
  FAULT.leaderNotAvailable,
  FAULT.notLeader,
  FAULT.requestTimedOut,
  FAULT.replicaNotAvailable,
  FAULT.networkException,
  FAULT.storageError,
  FAULT.fencedLeaderEpoch,
  FAULT.unknownLeaderEpoch,
  FAULT.offsetNotAvailable,
]);
/** Of the faults that a broker answers a record with, all those that the same record would meet again. */
const RECORD_FAULTS: ReadonlySet<number> = new Set([
  FAULT.badMessage,
  FAULT.badCompression,
  FAULT.unknownPartition,
  FAULT.invalidArgument,
  FAULT.unsupportedFeature,
  FAULT.recordTooLarge,
  FAULT.invalidTopic,
  FAULT.recordListTooLarge,
  FAULT.invalidAcks,
  FAULT.topicAuthorizationFailed,
  FAULT.clusterAuthorizationFailed,
  FAULT.invalidTimestamp,
  FAULT.unsupportedVersion,
  FAULT.invalidRequest,
  FAULT.unsupportedForFormat,
  FAULT.policyViolation,
  FAULT.invalidTransactionTimeout,
  FAULT.transactionalIdAuthorizationFailed,
  FAULT.unsupportedCompression,
  FAULT.invalidRecord,
]);

const LEADER_FAULTS: ReadonlySet<number> = new Set([
  FAULT.leaderNotAvailable,
  FAULT.notLeader,
  FAULT.fencedLeaderEpoch,
  FAULT.unknownLeaderEpoch,
  FAULT.offsetNotAvailable,
]);

/** Nothing will heal it: another password or certificate is needed. */
export function isIdentityFault({ code }: KafkaFault): boolean {
  return IDENTITY_FAULTS.has(code);
}

/** The broker is away, and may come back. */
export function isAddressFault({ code }: KafkaFault): boolean {
  return ADDRESS_FAULTS.has(code);
}

/** A broker does not know it: it is gone, or the broker has just started. */
export function isUnknownTopic({ code }: KafkaFault): boolean {
  return UNKNOWN_TOPIC_FAULTS.has(code);
}

/** A partition's leader is another one now, as after a restart of the broker: soon it is known which. */
export function isLeaderFault({ code }: KafkaFault): boolean {
  return LEADER_FAULTS.has(code);
}

/** We may not read or write it. */
export function isForbidden({ code }: KafkaFault): boolean {
  return FORBIDDEN_FAULTS.has(code);
}

/** A group's coordinator is not there yet, or offsets of a transaction are just ending. */
export function isCoordinatorFault({ code }: KafkaFault): boolean {
  return COORDINATOR_FAULTS.has(code);
}

/** Too large, too late, no such partition, not allowed: the same record will fail again. */
export function isRecordFault({ code }: KafkaFault): boolean {
  return RECORD_FAULTS.has(code);
}

/** The same call may succeed when it is made again. */
function isPassing(fault: KafkaFault): boolean {
  return (
    isAddressFault(fault) ||
    isUnknownTopic(fault) ||
    isCoordinatorFault(fault) ||
    STARTING_FAULTS.has(fault.code)
  );
}

/** Another process has taken the producer's name. */
export function isFenced({ code }: KafkaFault): boolean {
  return code === FAULT.fenced || code === FAULT.producerFenced || code === FAULT.invalidProducerEpoch;
}

/** Upstream throws and hands over errors of many makes. */
export function faultOf(thrown: unknown): KafkaFault {
  const { code, message, errno } = (thrown ?? {}) as { code?: unknown; message?: unknown; errno?: unknown };
  const number = [code, errno].find((candidate) => typeof candidate === "number");
  return {
    code: typeof number === "number" ? number : 0,
    message: typeof message === "string" ? message : String(thrown),
  };
}

/** By what upstream's events say of them in the place of their numbers. */
const EVENT_CODES: Readonly<Record<string, number>> = {
  "broker transport failure": FAULT.transport,
  "host resolution failure": FAULT.resolve,
  "all broker connections are down": FAULT.allBrokersDown,
  "ssl error": FAULT.ssl,
  "authentication failure": FAULT.authentication,
  "timed out": FAULT.timedOut,
};

/** Of an `event.error`: upstream gives those a text alone. */
export function eventFault(thrown: unknown): KafkaFault {
  const fault = faultOf(thrown);
  return { ...fault, code: EVENT_CODES[fault.message.toLowerCase()] ?? fault.code };
}

/** Code `io`. `doing`: what failed, like `Kafka at HOST:PORT can't be reached`. */
export function kafkaError(doing: string, fault: KafkaFault, retryable = isPassing(fault)): StreamkitError {
  return new StreamkitError("io", `${doing}: ${plainReason(fault)}`, {
    component: "kafka",
    retryable,
    cause: fault,
  });
}

/** `sasl_ssl://HOST:PORT/bootstrap: Connect to … failed: Connection refused (after 0ms in state CONNECT)`. */
export function plainReason({ message }: KafkaFault): string {
  return message
    .replace(/^(?:\[thrd:[^\]]*\]: )?/, "")
    .replace(/^\S*:\/\/\S+: /, "")
    .replace(/^\S+:\d+\/(?:bootstrap|\d+): /, "")
    .replace(/^Local: /, "")
    .replace(/\s*\(after \d+ms.*$/s, "")
    .replace(/\s+$/, "");
}
