/** A schema registry that is down, refuses, or is something else: one clear line, and no secrets in it. */

import { expect, test } from "bun:test";
import { StreamkitError } from "../../src/base/error.ts";
import {
  openRegistryDecoder,
  type RegistryOptions,
  registryColumns,
} from "../../src/kafka/registry/decoder.ts";
import { decode, framed } from "./payloads.ts";
import { startStandIn } from "./registry-stand-in.ts";

/** What becomes of a decoder's first question. */
async function failure(options: RegistryOptions): Promise<StreamkitError> {
  const decoder = await openRegistryDecoder("avro", options);
  const failed = await decode(decoder, "t", [framed(1, Buffer.alloc(0))]).catch((error: unknown) => error);
  if (!(failed instanceof StreamkitError)) throw new Error("It should have failed");
  return failed;
}

const SECRETS = { username: "ann", password: "hush-hush" };

test("down: retryable, and it says so in words", async () => {
  const registry = startStandIn();
  await registry.stop();
  const startedAtMs = performance.now();
  const error = await failure({ url: registry.url.replace("//", "//bob:open-sesame@"), ...SECRETS });
  expect(error.message).toBe(`The schema registry ${registry.url} can't be reached: connection refused`);
  expect([error.code, error.retryable]).toEqual(["io", true]);
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
  expect(Bun.inspect(error)).not.toMatch(/hush-hush|open-sesame/);
});

test("a name that nobody has", async () => {
  const error = await failure({ url: "http://no-such-host.invalid:8081" });
  expect(error.message).toMatch(/^The schema registry http:\/\/no-such-host.invalid:8081 can't be reached: /);
});

test.each([
  [401, "refuses the credentials (HTTP 401)", false],
  [404, "has no such address (HTTP 404): is its url right?", false],
  [500, "answers with HTTP 500", true],
])("HTTP %d", async (status, words, isRetryable) => {
  const registry = startStandIn();
  registry.answerOnly(status);
  try {
    const error = await failure({ url: registry.url, ...SECRETS });
    expect(error.message).toBe(`The schema registry ${registry.url} ${words}`);
    expect(error.retryable).toBe(isRetryable);
    expect(Bun.inspect(error)).not.toContain("hush-hush");
  } finally {
    await registry.stop();
  }
});

test("credentials go along: a password, a token, or what stands in the url", async () => {
  const registry = startStandIn();
  const basic = `Basic ${btoa("ann:hush-hush")}`;
  const cases: readonly (readonly [RegistryOptions, string])[] = [
    [{ url: registry.url, ...SECRETS }, basic],
    [{ url: registry.url.replace("//", "//ann:hush-hush@") }, basic],
    [{ url: registry.url, token: "t0ken" }, "Bearer t0ken"],
  ];
  try {
    for (const [options, expected] of cases) {
      const decoder = await openRegistryDecoder("protobuf", options);
      expect(await registryColumns(decoder, "t")).toBeUndefined();
      expect(registry.authorization()).toBe(expected);
    }
  } finally {
    await registry.stop();
  }
});

test("options that can't be right are refused before anything is asked", async () => {
  expect(openRegistryDecoder("avro", { url: "localhost:8081" })).rejects.toThrow("must start with http://");
  expect(openRegistryDecoder("avro", { url: "https://x", caFile: "/none.pem" })).rejects.toThrow(
    "caFile can't be read",
  );
});
