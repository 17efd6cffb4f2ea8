/** Which versions are inside. */

import duckdbPackage from "@duckdb/node-api/package.json" with { type: "json" };
import ownPackage from "../../package.json" with { type: "json" };

/** One line: streamkit's own version, DuckDB's and the JavaScript runtime's. */
export function versionText(): string {
  const duckdbVersion = duckdbPackage.version.replace(/-r\..*/, "");
  return `streamkit ${ownPackage.version} (DuckDB ${duckdbVersion}, ${runtimeName()})`;
}

/** streamkit's own version. */
export function versionOf(): string {
  return ownPackage.version;
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `Bun ${bun}`;
  if (deno !== undefined) return `Deno ${deno}`;
  return `Node ${node}`;
}
