/** How Kafka is reached: with TLS and a login, and what is said where it can't be, without a secret. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type SecureKafkaService, startKafka } from "../services/kafka.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { printedRows, writeJob } from "./source-runs.ts";

const TOPIC = "reached";
const WRONG = "hunter2-of-the-broker";
const MAY_HEAL = /refused|resolve|No token/i;

let kafka: SecureKafkaService;
beforeAll(async () => {
  kafka = await startKafka({ secure: true });
  await kafka.createTopic(TOPIC);
  await kafka.judge.produce(TOPIC, [{ value: '{"n":1}' }, { value: '{"n":2}' }]);
}, 90_000);
afterAll(() => kafka[Symbol.asyncDispose]());

interface Way {
  readonly brokers: string;
  readonly tls?: unknown;
  readonly sasl?: unknown;
}

async function read(way: Way, secret = "", topics = TOPIC) {
  using folder = emptyFolder();
  const job = {
    sources: { ticks: { from: { kafka: { ...way, topics } }, schema: { n: "BIGINT" } } },
    queries: { out: "SELECT n FROM ticks" },
  };
  writeFileSync(join(folder.path, "job.json"), JSON.stringify(job));
  const env = { ...process.env, SECRET: secret } as Record<string, string>;
  const startedAtMs = performance.now();
  const { code, stdout, stderr } = await streamkit(["process", "job.json", "--once", "--quiet"], {
    cwd: folder.path,
    env,
  });
  if (secret !== "") expect(stderr).not.toContain(secret);
  const lines = stderr.trimEnd().split("\n");
  const rows = rowsOf<{ row: { n: number } }>(stdout).map(({ row }) => row.n);
  return { code, rows, stderr, lines: lines.length, elapsedMs: performance.now() - startedAtMs };
}

describe("with TLS and a login", () => {
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    test(mechanism, async () => {
      const { saslSsl, caFile, user, password } = kafka.sasl;
      const sasl = { mechanism, username: user, password: "${SECRET}" };
      const found = await read({ brokers: saslSsl, tls: { ca: caFile }, sasl }, password);
      expect(found).toMatchObject({ code: 0, rows: [1, 2] });
    }, 60_000);

  test("OAUTHBEARER", async () => {
    const { saslSsl, caFile, oauth } = kafka.sasl;
    const sasl = {
      mechanism: "OAUTHBEARER",
      token_endpoint: oauth.tokenUrl,
      client_id: oauth.clientId,
      client_secret: "${SECRET}",
    };
    const found = await read({ brokers: saslSsl, tls: { ca: caFile }, sasl }, oauth.clientSecret);
    expect(found).toMatchObject({ code: 0, rows: [1, 2] });
  }, 60_000);

  test("a certificate of our own", async () => {
    const { mutualTls, caFile, clientCertFile, clientKeyFile } = kafka.sasl;
    const tls = { ca: caFile, certificate: clientCertFile, key: clientKeyFile };
    expect(await read({ brokers: mutualTls, tls })).toMatchObject({ code: 0, rows: [1, 2] });
  }, 60_000);
});

describe("what stands in the way is told in one line", () => {
  const refused = async (way: Way, says: string | RegExp, secret = "", topics = TOPIC): Promise<void> => {
    const found = await read(way, secret, topics);
    // What may heal is told as soon as it is known, and again at the end.
    const early = found.stderr.split("\n").filter((line) => line.startsWith("streamkit: warning: Kafka at"));
    expect(found).toMatchObject({ code: 1, rows: [], lines: 1 + early.length });
    for (const line of early) expect(line).toContain("Trying for 8 s");
    expect(early.length).toBe(MAY_HEAL.test(found.stderr) ? 1 : 0);
    expect(found.stderr.split("\n").at(-2)).toMatch(says);
    // Upstream alone would wait for 30 s. A bound, not a measure: the machine may be busy.
    expect(found.elapsedMs).toBeLessThan(25_000);
  };

  test("nobody listens", () => refused({ brokers: "127.0.0.1:1" }, /can't be reached: .*refused/i), 60_000);
  test(
    "no such host",
    () => refused({ brokers: "nohost.invalid:9092" }, /nohost\.invalid.* can't be reached: .*resolve/i),
    60_000,
  );
  test(
    "no such topic",
    () => refused({ brokers: kafka.brokers }, `has no topic "qoutes": it has ${TOPIC}`, "", "qoutes"),
    60_000,
  );
  for (const mechanism of ["PLAIN", "SCRAM-SHA-512"])
    test(`a wrong password, ${mechanism}`, () => {
      const { saslSsl, caFile, user } = kafka.sasl;
      const sasl = { mechanism, username: user, password: "${SECRET}" };
      return refused(
        { brokers: saslSsl, tls: { ca: caFile }, sasl },
        /refuses us: .*[Aa]uthentication/,
        WRONG,
      );
    }, 60_000);
  test("a certificate that nobody trusts", () => {
    const { saslSsl, user } = kafka.sasl;
    const sasl = { mechanism: "PLAIN", username: user, password: "${SECRET}" };
    return refused({ brokers: saslSsl, tls: true, sasl }, /refuses us: .*certificate/i, WRONG);
  }, 60_000);
  test("no token", () => {
    const { saslSsl, caFile } = kafka.sasl;
    const login = { client_id: "me", client_secret: "${SECRET}", token_endpoint: "http://127.0.0.1:1/token" };
    const sasl = { mechanism: "OAUTHBEARER", ...login };
    return refused(
      { brokers: saslSsl, tls: { ca: caFile }, sasl },
      /No token from http:\/\/127\.0\.0\.1:1/,
      WRONG,
    );
  }, 60_000);
});

test("a broker that comes up while we try is read", async () => {
  const [port = 0] = await freePorts(1);
  using folder = emptyFolder();
  const from = `{ kafka: { brokers: "127.0.0.1:${port}", topics: ${TOPIC} } }`;
  const file = writeJob(folder.path, { from, schema: "{ n: BIGINT }", sql: "SELECT n FROM quotes" });
  await using job = await start(["process", file, "--once", "--quiet"]);
  await until("the job says what it tries", () => job.stderr().includes("refused. Trying for 8 s"));
  using _relay = relayTo(kafka.brokers, port);
  const { code, stdout } = await job.finished();
  expect(code).toBe(0);
  expect(printedRows(stdout).map(({ n }) => n)).toEqual([1, 2]);
}, 60_000);

/** Passes on what comes in at a port of 127.0.0.1. */
function relayTo(address: string, port: number): Disposable {
  const [hostname = "", to] = address.split(":");
  const server = createServer((client) => {
    const broker = connect(Number(to), hostname);
    client.pipe(broker).pipe(client);
    for (const socket of [client, broker]) socket.on("error", () => undefined);
  });
  server.listen(port, "127.0.0.1");
  return { [Symbol.dispose]: () => void server.close() };
}
