#!/usr/bin/env bash
# npm run deno -- ARGS: streamkit from source in Deno, the one on the PATH or the one of node_modules.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bash "$root/src/build/install.sh"
deno=$(command -v deno || true)
if [ -z "$deno" ] || [ "$deno" = "$root/node_modules/.bin/deno" ]; then deno=$root/node_modules/deno/deno; fi
exec "$deno" run -A "$root/src/main.ts" "$@"
