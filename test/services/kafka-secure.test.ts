/** Each way to log in to a broker works for Kafka's own client, and a wrong word does not. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type SecureKafkaService, startKafka } from "./kafka.ts";
import { MECHANISMS } from "./kafka-secure.ts";

let kafka: SecureKafkaService;
beforeAll(async () => {
  kafka = await startKafka({ secure: true });
  await kafka.createTopic("secured");
});
afterAll(() => kafka[Symbol.asyncDispose]());

for (const how of [...MECHANISMS, "mTLS"] as const) {
  test(`${how} over TLS`, async () => {
    const judge = kafka.sasl.judge(how);
    await judge.produce("secured", [{ key: how, value: "hello" }]);
    expect((await judge.read("secured")).at(-1)).toMatchObject({ key: how, value: "hello" });
  });
}

test("without encryption", async () => {
  const judges = MECHANISMS.map((mechanism) => kafka.sasl.judge(mechanism, { tls: false }));
  for (const topics of await Promise.all(judges.map((judge) => judge.listTopics())))
    expect(topics).toContain("secured");
});

test("a wrong password is refused", async () => {
  for (const mechanism of ["PLAIN", "SCRAM-SHA-512"] as const) {
    const refused = kafka.sasl.judge(mechanism, { password: "wrong" }).listTopics();
    expect(await refused.catch(String)).toContain("SaslAuthenticationException");
  }
});

test("what a rule forbids is refused to its user alone", async () => {
  await kafka.createTopic("forbidden");
  const rule = { resource: "TOPIC", name: "forbidden", user: kafka.sasl.user, operation: "WRITE" } as const;
  await kafka.judge.addAcl({ ...rule, permission: "DENY" });
  const refused = kafka.sasl.judge("PLAIN").produce("forbidden", [{ value: "x" }]);
  expect(await refused.catch(String)).toContain("TopicAuthorizationException");
  expect(await kafka.judge.produce("forbidden", [{ value: "x" }])).toBe(1);
});

test("tokens come from the endpoint, the authority from a PEM file", async () => {
  expect(kafka.sasl.oauth.tokensGiven()).toBeGreaterThan(0);
  expect((await kafka.sasl.oauth.token()).split(".")).toHaveLength(3);
  expect(readFileSync(kafka.sasl.caFile, "utf8")).toContain("BEGIN CERTIFICATE");
});
