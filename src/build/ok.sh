#!/usr/bin/env bash
# npm run ok: the one gate. Stops at the first check that fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
export PATH="$PWD/node_modules/.bin:$PATH"

check() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name: $*"
  if ! "$@"; then
    echo "== $name failed after $((SECONDS - started)) s: $*" >&2
    exit 1
  fi
  echo "== $name: $((SECONDS - started)) s"
}

check "format" biome check --error-on-warnings .
check "lint" oxlint --type-aware --deny-warnings
check "types" tsc --noEmit -p .
check "dead code" knip
check "tests" bash test/run.sh
