/**
 * A real schema registry that speaks Confluent's protocol: Apicurio Registry, from Maven Central. It keeps
 * its schemas in a file of its own, not in Kafka: it needs no broker and survives being killed. Unlike
 * Confluent's it has no `format=serialized`: a Protobuf schema comes back as it was registered, as text or
 * in base64.
 */

import { join } from "node:path";
import { type Breakable, breakable } from "./breakable.ts";
import { startJvm } from "./jvm.ts";
import { mavenArchive } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { serverFolder } from "./server-folder.ts";

const VERSION = "2.6.13.Final";

export interface SchemaRegistryService extends AsyncDisposable, Breakable {
  /** What a client of Confluent's registry takes as its base URL. */
  readonly url: string;
}

/** The unpacked program: what a first use installs. */
export function schemaRegistryProgram(): Promise<string> {
  return mavenArchive("apicurio-registry", `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`);
}

export async function startSchemaRegistry(): Promise<SchemaRegistryService> {
  const program = await schemaRegistryProgram();
  const [port = 0] = await freePorts(1);
  const folder = serverFolder();
  const settings = Object.entries({
    "quarkus.http.host": "127.0.0.1",
    "quarkus.http.port": String(port),
    // What a request has stored is on disk when it is answered.
    "quarkus.datasource.jdbc.url": `jdbc:h2:file:${join(folder.path, "schemas")};WRITE_DELAY=0`,
  }).map(([name, value]) => `-D${name}=${value}`);
  const registry = breakable({
    name: "schema registry",
    logFile: () => join(folder.path, "registry.log"),
    launch: (logFile) =>
      startJvm({
        program: ["-jar", join(program, `apicurio-registry-app-${VERSION}-runner.jar`)],
        jvmFlags: ["-Xmx256m", "-XX:TieredStopAtLevel=1", ...settings],
        cwd: folder.path,
        logFile,
      }),
    ready: (jvm) => jvm.says("Listening on: http"),
  });

  const service: SchemaRegistryService = {
    ...registry,
    get pid() {
      return registry.pid;
    },
    url: `http://127.0.0.1:${port}/apis/ccompat/v7`,
    async [Symbol.asyncDispose]() {
      await registry.kill();
      folder[Symbol.dispose]();
    },
  };
  try {
    await service.start();
    await checkByDefault(service.url);
  } catch (cause) {
    await service[Symbol.asyncDispose]();
    throw cause;
  }
  return service;
}

/** Confluent's registry takes a new version of a schema only where it can read the old one's records. */
async function checkByDefault(url: string): Promise<void> {
  const response = await fetch(`${url}/config`, {
    method: "PUT",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: JSON.stringify({ compatibility: "BACKWARD" }),
  });
  if (!response.ok) throw new Error(`The schema registry refused its config: ${await response.text()}`);
}

let shared: Promise<SchemaRegistryService> | undefined;

/** One registry for all tests of this process, gone with it: subjects need names of their own. */
export function sharedSchemaRegistry(): Promise<SchemaRegistryService> {
  shared ??= startSchemaRegistry();
  return shared;
}
