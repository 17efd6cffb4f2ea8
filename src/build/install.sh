#!/usr/bin/env bash
# Makes node_modules what package-lock.json says and checks that Bun runs. Silent when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/../.."

is_installed() {
  node -e '
    const read = (path) => JSON.parse(require("node:fs").readFileSync(path, "utf8")).packages;
    const { "": root, ...wanted } = read("package-lock.json");
    const found = read("node_modules/.package-lock.json");
    const isThere = ([path, { optional, version }]) => optional || found[path]?.version === version;
    process.exit(Object.entries(wanted).every(isThere) ? 0 : 1);
  ' 2>/dev/null
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "streamkit needs node 20 or later, and npm: https://nodejs.org" >&2
  exit 1
fi
if ! is_installed; then
  echo "Installing packages into node_modules …" >&2
  # .npmrc turns install scripts off; the two that are needed follow.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
fi
if ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  node node_modules/bun/install.js >&2 || true
fi
if ! node_modules/deno/deno --version >/dev/null 2>&1; then
  node node_modules/deno/install.cjs >&2 || true
fi
if ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  echo "Bun did not install. It needs Linux or macOS on x64 or arm64, and npm's optional packages:" >&2
  echo "look at \"npm config get omit\", then: rm -rf node_modules && npm install" >&2
  exit 1
fi
