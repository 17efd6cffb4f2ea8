#!/usr/bin/env bash
# npm run build: dist/streamkit, with Kafka wherever its addon compiles here.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash src/build/install.sh
if ! bash src/build/kafka-addon.sh >/dev/null; then
  echo "The binary is built without Kafka. With it: install what is missing, then npm run build again." >&2
fi
exec node_modules/.bin/bun src/build/build.ts
