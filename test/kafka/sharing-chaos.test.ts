/**
 * Members of a shared job are killed, put to sleep, stopped and started at random: the answer stays the same.
 * To repeat one: SEED=… EVENTS=… bun test test/kafka/sharing-chaos.test.ts
 */

import { beforeAll, expect, test } from "bun:test";
import { randomBelow } from "../crash/episode.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import type { Running } from "../support/running.ts";
import { until } from "../support/until.ts";
import { expectSums, type Row, sharedJob, someRows } from "./shared-job.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const EVENTS = Number(process.env["EVENTS"] ?? 6);
const ROWS = 1500;
const MEMBERS = 3;
const TIMEOUT_MS = 280_000;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

test(
  `SEED=${SEED} EVENTS=${EVENTS}`,
  async () => {
    const random = randomBelow(SEED);
    using job = await sharedJob({ hasTopic: true });
    const members: Running[] = [];
    const sleeping: Running[] = [];
    const gone: Running[] = [];
    const fed: Row[] = [];
    const events: string[] = [];
    const happen = async (): Promise<string> => {
      const at = random(members.length);
      const [member] = members.splice(at, 1);
      if (member === undefined) throw new Error("No member is left");
      switch (random(3)) {
        case 0:
          member.kill("SIGKILL");
          gone.push(member);
          return `${at} killed`;
        case 1:
          member.kill("SIGSTOP");
          sleeping.push(member);
          return `${at} asleep`;
        default:
          member.kill("SIGTERM");
          gone.push(member);
          return `${at} stopped`;
      }
    };
    try {
      for (let event = 0; event < EVENTS; event += 1) {
        while (members.length < MEMBERS) members.push(await job.start());
        const rows = someRows(fed.length, ROWS);
        fed.push(...rows);
        const feeding = job.feed(rows);
        if (random(2) === 0) await feeding;
        events.push(await happen());
        await feeding;
        if (sleeping.length > 0 && random(2) === 0) {
          const woken = sleeping.splice(0, 1);
          for (const member of woken) member.kill("SIGCONT");
          members.push(...woken);
          events.push("one woken");
        }
      }
      for (const member of sleeping) member.kill("SIGCONT");
      members.push(...sleeping.splice(0));
      await until("all that are left are members", async () => {
        const { state, members: found } = await kafka.judge.describeGroup(job.name);
        return state === "Stable" && found.length === members.length;
      });
      await job.caughtUp();
      for (const member of members) member.kill("SIGTERM");
      for (const member of members) {
        const { code, stderr } = await member.finished();
        expect({ code, stderr }).toMatchObject({ code: 143 });
      }
      await expectSums(job, fed);
      expect(await job.inTopic()).toEqual(job.written());
    } catch (error) {
      for (const member of [...gone, ...members, ...sleeping]) console.error(`----\n${member.stderr()}`);
      throw new Error(`After ${events.join(", ")}`, { cause: error });
    } finally {
      for (const member of sleeping) member.kill("SIGKILL");
      for (const member of [...members, ...gone, ...sleeping]) await member[Symbol.asyncDispose]();
    }
  },
  TIMEOUT_MS,
);
