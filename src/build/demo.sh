#!/usr/bin/env bash
# npm run demo: everything at once on a machine that has just node and npm.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bash "$root/src/build/install.sh"
"$root/node_modules/.bin/bun" "$root/src/build/build.ts"
exec "$root/dist/streamkit" demo "$@"
