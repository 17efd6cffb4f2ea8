/**
 * Several outputs of which one at a time gets a batch. One that fails is left alone for a while, longer each
 * time, and the next one in turn gets the batch; when all fail the batch waits. What had arrived at the one
 * that failed arrives again at another.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { durationText } from "../../base/units.ts";
import type { DeliveryState } from "../channel/channel.ts";
import type { Output } from "../outputs/output.ts";

export interface GroupOptions {
  readonly name: string;
  readonly clock: Clock;
  /** The longest that a failed one is left alone. */
  readonly maxBackOffMs: number;
  /** The order in which members are tried with the next batch, by their indexes. */
  readonly order: (members: number) => readonly number[];
}

const FIRST_BACK_OFF_MS = 1000;

interface Member {
  readonly output: Output;
  failures: number;
  restsUntilMs: number;
}

export function groupOf(outputs: readonly Output[], options: GroupOptions): Output {
  const { name, clock, maxBackOffMs, order } = options;
  const log = logger("collect");
  const members: readonly Member[] = outputs.map((output) => ({ output, failures: 0, restsUntilMs: 0 }));

  /** Those that rest come last: they are tried when nobody else takes it. */
  const inTurn = (): readonly Member[] => {
    const nowMs = clock.monotonicMs();
    const all = order(members.length).flatMap((index) => members[index] ?? []);
    const isResting = (member: Member): boolean => member.restsUntilMs > nowMs;
    return [...all.filter((member) => !isResting(member)), ...all.filter(isResting)];
  };

  const failed = (member: Member, error: unknown): void => {
    const restMs = Math.min(maxBackOffMs, FIRST_BACK_OFF_MS * 2 ** member.failures);
    member.failures += 1;
    member.restsUntilMs = clock.monotonicMs() + restMs;
    if (member.failures > 1) return;
    log.warn(
      `${member.output.name} fails: {reason}; the next of ${name} takes over, and this one rests ` +
        durationText(restMs),
      { reason: messageOf(error) },
    );
  };

  return {
    name,
    async deliver(blocks) {
      let last: unknown;
      for (const member of inTurn()) {
        try {
          await member.output.deliver(blocks);
          if (member.failures > 0) log.info(`${member.output.name} takes blocks again`);
          member.failures = 0;
          member.restsUntilMs = 0;
          return;
        } catch (error) {
          last = error;
          failed(member, error);
        }
      }
      throw last;
    },
    async sync() {
      const states = await Promise.all(members.map(({ output }) => output.sync()));
      return { members: states.map((state) => state ?? null) };
    },
    async committed() {
      // One that can't finish what it has takes no more: the others go on.
      for (const member of members) {
        if (member.restsUntilMs > clock.monotonicMs()) continue;
        await member.output.committed?.().catch((error: unknown) => failed(member, error));
      }
    },
    dueInMs() {
      const due = members.flatMap(({ output }) => output.dueInMs?.() ?? []);
      return due.length === 0 ? undefined : Math.min(...due);
    },
    async close() {
      await Promise.allSettled(members.map(({ output }) => output.close()));
    },
  };
}

/** What a member of a group is to be opened with. */
export function memberState(committed: DeliveryState | undefined, index: number): DeliveryState | undefined {
  const states = committed?.["members"];
  return Array.isArray(states) ? ((states[index] ?? undefined) as DeliveryState | undefined) : undefined;
}
