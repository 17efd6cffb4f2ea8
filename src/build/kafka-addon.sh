#!/usr/bin/env bash
# npm run build:kafka: compiles Kafka's addon into the package's build/Release, where its own loader finds it.
# The package's unmodified sources, our headers and lanes (src/native/kafka), librdkafka (with one patch: see
# patch_rdkafka), OpenSSL, zlib and zstd become one file that needs glibc alone. Installs nothing. Unchanged
# inputs are not built twice, on one machine. --sanitize: with AddressSanitizer, left in
# .cache/kafka-addon/sanitize for the tests. The last line
# of the output is the file's path.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
package=$root/node_modules/@confluentinc/kafka-javascript
name=confluent-kafka-javascript.node
ours=$root/src/native/kafka
variant=release
if [ "${1:-}" = --sanitize ]; then variant=sanitize; fi

die() { echo "Cannot build Kafka's addon: $*" >&2; exit 1; }

static_library() { test -f "$(g++ -print-file-name="$1")"; }
header() { echo "#include <$1>" | g++ -E -x c++ - >/dev/null 2>&1; }

# The apt packages that are missing, one a line.
missing_packages() {
  if ! command -v g++ >/dev/null; then printf 'g++\nmake\nlibssl-dev\nzlib1g-dev\nlibzstd-dev\n'; return; fi
  command -v make >/dev/null || echo make
  { header openssl/ssl.h && static_library libssl.a && static_library libcrypto.a; } || echo libssl-dev
  { header zlib.h && static_library libz.a; } || echo zlib1g-dev
  { header zstd.h && static_library libzstd.a; } || echo libzstd-dev
}

[ "$(uname -s)" = Linux ] || die "it is made for Linux, this is $(uname -s)"
[ -d "$package/deps/librdkafka" ] || die "$package is not installed: bash src/build/install.sh"
missing=$(missing_packages | xargs)
if [ -n "$missing" ]; then die "it needs $missing: apt-get install --no-install-recommends $missing"; fi

# Everything that decides about the bytes. No paths, times or names of this machine go into them.
common="-O2 -fPIC -g0 -fno-ident"
if [ "$variant" = sanitize ]; then common="-O1 -fPIC -g1 -fno-omit-frame-pointer -fsanitize=address"; fi
configure_flags="--disable-gssapi --disable-curl --disable-lz4-ext --enable-static --disable-debug-symbols"
cxx_flags="-std=c++17 $common -fvisibility=hidden -ffunction-sections -fdata-sections"
cxx_flags="$cxx_flags -DBUILDING_NODE_EXTENSION"
link_flags="-shared -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,--gc-sections"
# Delivery reports of the producer lane come out where the client's own callback is set (producer-lane.cc).
link_flags="$link_flags -Wl,--wrap=rd_kafka_conf_set_dr_msg_cb -Wl,--build-id=none"

digest() { sha256sum | cut -c1-16; }
tree_digest() { (cd "$1" && find "${@:2}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | digest; }

compiler=$(g++ --version | head -n 1; uname -m)
libraries=$(for library in libssl.a libcrypto.a libz.a libzstd.a; do
  sha256sum <"$(g++ -print-file-name="$library")"
done)
rdkafka_parts=(configure configure.self Makefile lds-gen.py mklove src src-cpp)
rdkafka_tree=$(tree_digest "$package/deps/librdkafka" "${rdkafka_parts[@]}")
# librdkafka's timestamp 0 means now, and it has no other word for 1970-01-01: INT64_MIN becomes 0.
timestamp_patch='s/^        if (timestamp)$/        if (timestamp == INT64_MIN)\n'
timestamp_patch+='                rkm->rkm_timestamp = 0;\n        else if (timestamp)/'
rdkafka_key=$(echo "$compiler|$libraries|$rdkafka_tree|$configure_flags|$common|$timestamp_patch" | digest)
addon_key=$({
  echo "$rdkafka_key|$cxx_flags|$link_flags|$(tree_digest "$package" src)|$(tree_digest "$ours" .)"
  cat src/build/kafka-addon.sh node_modules/node-api-headers/include/*.h
} | digest)

here=$root/.cache/kafka-addon
machine=${STREAMKIT_BUILD_CACHE:-${HOME:-/tmp}/.cache/streamkit-build}/kafka-addon
mkdir -p "$here"
work=$(mktemp -d "$here/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Puts a finished folder where others look for it; whoever comes second finds it there already.
publish() { # FROM TO
  local beside="$2.$$.new"
  mkdir -p "$(dirname "$2")" && rm -rf "$beside" && cp -R "$1" "$beside" && touch "$beside" &&
    mv -T "$beside" "$2" 2>/dev/null || rm -rf "$beside"
}

# Each cache keeps the newest few.
prune() { # FOLDER KIND
  { ls -dt "$1/$2"-* 2>/dev/null || true; } | tail -n +9 | while read -r old; do rm -rf "$old"; done
}

# From this tree's cache, from the machine's, or made now by the function of that name in a folder of its own.
cached() { # KIND KEY
  local kind=$1 slot="$1-$2"
  if [ ! -d "$here/$slot" ] && [ -d "$machine/$slot" ]; then publish "$machine/$slot" "$here/$slot"; fi
  if [ ! -d "$here/$slot" ]; then
    mkdir "$work/$kind"
    # Not as a condition: there "set -e" would not count, and a compiler that failed would go unseen.
    local status
    set +e
    (set -e; "build_$kind" "$work/$kind") >"$work/log" 2>&1
    status=$?
    set -e
    if [ "$status" != 0 ]; then
      tail -n 40 "$work/log" >&2
      die "$kind did not compile"
    fi
    publish "$work/$kind" "$here/$slot"
    prune "$here" "$kind"
  fi
  if [ ! -d "$machine/$slot" ]; then
    publish "$here/$slot" "$machine/$slot" 2>/dev/null || true
    prune "$machine" "$kind"
  fi
}

patch_rdkafka() {
  sed -i "$timestamp_patch" src/rdkafka_msg.c
  if [ "$(grep -c 'timestamp == INT64_MIN' src/rdkafka_msg.c)" != 1 ]; then
    echo "src/rdkafka_msg.c is not as the patch of its timestamps expects it"
    return 1
  fi
}

build_rdkafka() {
  echo "Compiling librdkafka for Kafka's addon: about a minute …" >/dev/stderr
  local tree=$work/librdkafka
  cp -R "$package/deps/librdkafka" "$tree"
  cd "$tree"
  patch_rdkafka
  local flags="$common -ffile-prefix-map=$tree=librdkafka"
  # shellcheck disable=SC2086
  CFLAGS=$flags CXXFLAGS=$flags bash ./configure $configure_flags
  make -j2 -C src librdkafka.a
  make -j2 -C src-cpp librdkafka++.a
  cp src/librdkafka.a src-cpp/librdkafka++.a "$1/"
  cd "$root"
}

build_addon() {
  local source objects=()
  local includes="-I$ours -I$root/node_modules/node-api-headers/include -I$package"
  includes="$includes -I$package/deps/librdkafka/src -I$package/deps/librdkafka/src-cpp"
  local maps="-ffile-prefix-map=$package=kafka-javascript -ffile-prefix-map=$root=."
  for source in "$package"/src/*.cc "$ours"/*.cc; do
    objects+=("$work/$(basename "$source").o")
  done
  # shellcheck disable=SC2086
  printf '%s\0' "$package"/src/*.cc "$ours"/*.cc | xargs -0 -P2 -I{} sh -c \
    "g++ $cxx_flags $maps $includes -c \"\$1\" -o \"$work/\$(basename \"\$1\").o\"" sh {}
  # shellcheck disable=SC2086
  g++ $common $link_flags "-Wl,--version-script=$ours/exports.map" -o "$work/linked" "${objects[@]}" \
    "$here/rdkafka-$rdkafka_key/librdkafka++.a" "$here/rdkafka-$rdkafka_key/librdkafka.a" \
    -l:libssl.a -l:libcrypto.a -l:libzstd.a -l:libz.a -lpthread -ldl -lm
  if [ "$variant" = release ]; then
    strip --strip-unneeded "$work/linked"
    local foreign
    foreign=$(readelf -d "$work/linked" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p' |
      grep -vE '^(libc|libm|libpthread|libdl|librt|ld-linux[-a-z0-9_]*)\.so\.[0-9]+$' || true)
    [ -z "$foreign" ] || { echo "needs more than glibc: $foreign"; return 1; }
  fi
  mv "$work/linked" "$1/$name"
}

if [ ! -d "$here/addon-$addon_key" ] && [ ! -d "$machine/addon-$addon_key" ]; then
  cached rdkafka "$rdkafka_key"
fi
cached addon "$addon_key"

target=$package/build/Release/$name
if [ "$variant" = sanitize ]; then target=$here/sanitize/$name; fi
if ! cmp -s "$here/addon-$addon_key/$name" "$target"; then
  mkdir -p "$(dirname "$target")"
  # Never over the old file: a process may have it mapped.
  cp "$here/addon-$addon_key/$name" "$target.$$.new"
  mv "$target.$$.new" "$target"
fi
echo "$target"
