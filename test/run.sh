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

# Debian's packages, where one of their commands is missing: install PURPOSE "COMMAND …" PACKAGE …
install() {
  local purpose=$1 commands=$2 command missing=
  shift 2
  for command in $commands; do command -v "$command" >/dev/null || missing+=" $command"; done
  if [ -z "$missing" ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The $purpose tests need$missing on the PATH: apt-get install $*" >&2
    return 1
  fi
  echo "Installing $* for the $purpose tests …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# What src/build/kafka-addon.sh compiles with: no commands tell whether it is there. It says itself what is
# missing where we may not install.
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
install browser chromium chromium || close
install rotation logrotate logrotate || close
install Kafka "java javac mvn openssl setpriv flock" default-jdk-headless maven openssl util-linux || close
python3 -c "import ensurepip" 2>/dev/null || install Spark python3-venv python3 python3-venv || close
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || install database postgres postgresql || close
install_toolchain || close
node_modules/.bin/bun test/services/install.ts || close
for variant in "" --sanitize; do bash src/build/kafka-addon.sh $variant >/dev/null || close; done
node_modules/.bin/bun src/build/build.ts || close

set +e
node_modules/.bin/bun test/lanes.ts "$@" 2>&1 | tee "$log"
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
