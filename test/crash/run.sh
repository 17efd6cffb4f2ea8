#!/usr/bin/env bash
# npm run torture: the built binary, killed and started again. -- --kills N --seed S; --kafka: with a broker.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
script=test/crash/torture.ts
for flag in "$@"; do if [ "$flag" = --kafka ]; then script=test/crash/kafka-torture.ts; fi; done
exec node_modules/.bin/bun "$script" "$@"
