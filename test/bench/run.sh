#!/usr/bin/env bash
# npm run bench: ours and a reference in the same run, as a table with ratios.
# STREAMKIT_BENCH_ROWS makes it smaller; names of rows take those alone: npm run bench -- ohlc accessLog
# By themselves: bun test/bench/kafka-registry.ts, the decoder of Kafka's payloads with a schema registry.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
node_modules/.bin/bun test/services/install.ts
bash src/build/kafka-addon.sh >/dev/null
node_modules/.bin/bun src/build/build.ts
exec node_modules/.bin/bun test/bench/bench.ts "$@"
