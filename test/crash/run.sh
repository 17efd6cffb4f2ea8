#!/usr/bin/env bash
# npm run torture: the built binary, killed and started again. -- --kills N --seed S
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
exec node_modules/.bin/bun test/crash/torture.ts "$@"
