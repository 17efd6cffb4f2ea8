#!/usr/bin/env bash
# npm run torture: the built binary, killed and started again. -- --kills N --seed S; --kafka: with a broker;
# --iceberg: into
# Iceberg tables; --disk: on a disk that fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
script=test/crash/torture.ts
for flag in "$@"; do
  case "$flag" in
    --kafka) script=test/crash/kafka-torture.ts ;;
    --iceberg) script=test/crash/iceberg-torture.ts ;;
    --disk) script=test/crash/disk-torture.ts ;;
  esac
done
exec node_modules/.bin/bun "$script" "$@"
