/** What the tests of the registry's decoder have in common: a stand-in, a decoder of it, and a database. */

import { afterAll, beforeAll } from "bun:test";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { openRegistryDecoder, type RegistryDecoder } from "../../src/kafka/registry/decoder.ts";
import { type StandIn, startStandIn } from "./registry-stand-in.ts";

export interface RegistrySetUp {
  readonly registry: StandIn;
  readonly decoder: RegistryDecoder;
  readonly database: Database;
}

/** Hands them over before a file's tests, and closes them after. */
export function withRegistry(
  format: "avro" | "protobuf",
  take: (opened: RegistrySetUp) => Promise<void> | void,
): void {
  let opened: RegistrySetUp | undefined;
  beforeAll(async () => {
    const registry = startStandIn();
    const decoder = await openRegistryDecoder(format, { url: registry.url });
    opened = { registry, decoder, database: await openDatabase({ threads: 1 }) };
    await take(opened);
  });
  afterAll(async () => {
    opened?.decoder.close();
    opened?.database.close();
    await opened?.registry.stop();
  });
}
