#!/usr/bin/env bash
# npm run bench: ours and a reference in the same run, as a table with ratios.
# STREAMKIT_BENCH_ROWS makes it smaller.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
node_modules/.bin/bun src/build/build.ts
exec node_modules/.bin/bun test/bench/bench.ts "$@"
