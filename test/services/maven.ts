/** Java programs from Maven Central, installed once for the machine. Needs `java` and `mvn`. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { CACHE, cachedFolder, command, hashOf } from "./cache.ts";

/** `group:artifact:version`, and for what isn't a jar `group:artifact:version:type:classifier`. */
export type Coordinate = string;

/** The folder of the jars of `dependencies` and of all that they need: a class path is `${folder}/*`. */
export function mavenLibraries(name: string, dependencies: readonly Coordinate[]): Promise<string> {
  const pom = pomOf(name, dependencies);
  return cachedFolder("maven", `${name}-${hashOf(pom)}`, async (folder) => {
    using pomFolder = emptyFolder();
    writeFileSync(join(pomFolder.path, "pom.xml"), pom);
    await maven(["dependency:copy-dependencies", `-DoutputDirectory=${folder}`], pomFolder.path);
  });
}

/** The folder into which one archive (zip, tar.gz) was unpacked. */
export function mavenArchive(name: string, archive: Coordinate): Promise<string> {
  return cachedFolder("maven", `${name}-${hashOf(archive)}`, async (folder) => {
    using downloads = emptyFolder();
    const copy = ["dependency:copy", `-Dartifact=${archive}`, `-DoutputDirectory=${downloads.path}`];
    await maven(copy, downloads.path);
    const unpack = `tar -xzf "$1"/*.gz -C "$2"`;
    await command("sh", ["-c", unpack, "sh", downloads.path, folder], { debianPackage: "tar" });
  });
}

/** One at a time on a machine: Maven's own cache isn't made for two. */
async function maven(goal: readonly string[], cwd: string): Promise<void> {
  if (Bun.which("mvn") === null)
    throw new Error("mvn is missing: install it with apt-get install maven default-jdk-headless");
  mkdirSync(CACHE, { recursive: true });
  await command("flock", [join(CACHE, "maven.lock"), "mvn", "-q", "-B", ...goal], {
    debianPackage: "util-linux",
    cwd,
  });
}

function pomOf(name: string, dependencies: readonly Coordinate[]): string {
  const entries = dependencies.map((coordinate) => {
    const [group = "", artifact = "", version = ""] = coordinate.split(":");
    return `    <dependency>
      <groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
    </dependency>`;
  });
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>streamkit.services</groupId><artifactId>${name}</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${entries.join("\n")}
  </dependencies>
</project>
`;
}
