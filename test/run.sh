#!/usr/bin/env bash
# npm test: installs what the tests need, builds the binary and runs all tests, or those of the paths given.
# The last line is "N passed, N failed". A skipped test, a dead runner and a run of no tests count as failed.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=1 exit_code=1

close() {
  echo
  echo "$passed passed, $failed failed"
  exit "$exit_code"
}

install_chromium() {
  if command -v chromium >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The browser tests need Chromium as \"chromium\" on the PATH: apt-get install chromium" >&2
    return 1
  fi
  echo "Installing Chromium for the browser tests …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
}

# What src/build/kafka-addon.sh compiles with. It says itself what is missing where we may not install.
install_toolchain() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return; fi
  local package missing=()
  for package in g++ make libssl-dev zlib1g-dev libzstd-dev; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if [ "${#missing[@]}" = 0 ]; then return; fi
  echo "Installing ${missing[*]} for Kafka's addon …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The number before a word of the runner's closing lines, 0 where it does not say.
count() { sed -nE "s/^ *([0-9]+) $1\$/\1/p" "$log" | tail -n 1 | grep . || echo 0; }

bash src/build/install.sh || close
install_chromium || close
install_toolchain || close
bash src/build/kafka-addon.sh >/dev/null || close
node_modules/.bin/bun src/build/build.ts || close

set +e
node_modules/.bin/bun test --timeout 60000 "$@" 2>&1 | tee "$log"
exit_code=${PIPESTATUS[0]}
set -e
sed -i $'s/\033\\[[0-9;]*m//g' "$log"
passed=$(count pass)
not_run=$(($(count skip) + $(count todo)))
failed=$(($(count fail) + not_run))
if [ "$not_run" != 0 ]; then echo "$not_run tests did not run: that counts as failed" >&2; fi
if ! grep -q '^Ran [0-9]* test' "$log"; then
  echo "The test runner died with exit code $exit_code" >&2
  failed=$((failed + 1))
fi
if [ "$passed" = 0 ] || [ "$exit_code" != 0 ]; then [ "$failed" != 0 ] || failed=1; fi
if [ "$failed" != 0 ] && [ "$exit_code" = 0 ]; then exit_code=1; fi
close
