#!/usr/bin/env bash
# Measures MemCache past one machine, all of it on this one: hits with one to three
# cache nodes and one or two backends, on MariaDB; then what a miss costs that reads
# S3 (versitygw) instead of a file, and what the cache saves.
#
#   backend/bench/scale.sh [quick]
#
# Use a quiet machine. Installs MariaDB and wrk from Debian when they are missing and
# this runs as root.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
((rounds < 5)) || rounds=3 # of 3 s each: it takes 4 minutes
((seconds < 4)) || seconds=3
PATH=$PATH:/usr/sbin
need mariadbd mariadb-server
need wrk wrk
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
go build -o "$dir" ./backend ./cache

start_mariadb() {
  local user=()
  ((EUID != 0)) || user=(--user=root)
  mkdir "$dir/mariadb.tmp"
  TMPDIR=$dir/mariadb.tmp mariadb-install-db --no-defaults --datadir="$dir/mariadb" --auth-root-authentication-method=normal \
    --skip-test-db --skip-name-resolve "${user[@]}" >"$dir/mariadb.log" 2>&1
  TMPDIR=$dir/mariadb.tmp mariadbd --no-defaults --datadir="$dir/mariadb" --socket="$dir/mariadb.sock" --skip-networking --skip-name-resolve \
    --skip-log-bin "${user[@]}" >>"$dir/mariadb.log" 2>&1 &
  theirs+=($!)
  until mariadb --socket="$dir/mariadb.sock" -u root -e 'SELECT 1' >"$dir/null" 2>&1; do
    kill -0 $! || { cat "$dir/mariadb.log" >&2; return 1; }
    sleep 0.1
  done
}

start_s3() {
  local program address=127.0.0.1:${PEER_PORT:-21281}
  program=$(go tool -modfile=.ci/tools.mod -n versitygw)
  mkdir -p "$dir/s3/objects"
  "$program" --port "$address" --access bench --secret bench-secret --health /health --quiet posix "$dir/s3" >"$dir/s3.log" 2>&1 &
  theirs+=($!)
  until curl -sf -o "$dir/null" "http://$address/health"; do sleep 0.1; done
  export AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench-secret AWS_EC2_METADATA_DISABLED=true
  store="s3://objects/?endpoint=http%3A%2F%2F$address&region=us-east-1"
}

# start_fleet NODES BACKENDS [FLAG]... starts so many cache nodes and backends on an
# empty database. $urls are then where the backends answer.
databases=0
start_fleet() {
  local i nodes='' log
  end_ours
  databases=$((databases + 1))
  for ((i = 0; i < $1; i++)); do
    "$dir/cache" -s "$dir/cache-$i.sock" 2>"$dir/cache.log" &
    ours+=($!)
    nodes+=${nodes:+,}unix:$dir/cache-$i.sock
  done
  urls=()
  for ((i = 0; i < $2; i++)); do
    log=$dir/backend-$i.log
    rm -rf -- "$dir/data-$i" "$log"
    "$dir/backend" -listen 127.0.0.1:0 -data "$dir/data-$i" -database "mysql://root@/scale$databases?socket=$dir/mariadb.sock" \
      -cache "$nodes" -log-level error "${@:3}" >"$log" 2>&1 &
    ours+=($!)
    until url=$(grep -sm1 -o 'http://127[0-9.:]*' "$log"); do
      kill -0 $! || { cat "$log" >&2; return 1; }
      sleep 0.1
    done
    until curl -sf "$url/readyz" | grep -q '"ready"'; do sleep 0.1; done
    urls+=("$url")
  done
}

end_ours() {
  local pid
  for pid in "${ours[@]}"; do kill "$pid"; done
  for pid in "${ours[@]}"; do wait "$pid" || true; done
  ours=()
}

# store_objects KIB COUNT stores objects of random bytes.
store_objects() {
  local i
  mkdir -p "$dir/objects"
  for ((i = 0; i < $2; i++)); do random_file "objects/$1-$i" $(($1 << 10)); done
  curl -sf -T "$dir/objects/$1-[0-$(($2 - 1))]" "${urls[0]}/objects/" >"$dir/null"
}

# in_turn KIB COUNT has wrk ask for these objects, one after the other.
in_turn() {
  lua=$dir/in_turn.lua
  cat >"$lua" <<LUA
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init() at = number * $2 / 2 end
function request() at = (at + 1) % $2; return wrk.format("GET", "/objects/$1-" .. at) end
LUA
}

# await_hits KIB COUNT reads every object until most of them come from the cache: a
# young node is not trusted at once.
await_hits() {
  local hits=0
  until ((hits * 10 > $2 * 9)); do
    hits=$(curl -sf -o "$dir/null" -w '%header{cache-status}\n' "${urls[0]}/objects/$1-[0-$(($2 - 1))]" | grep -c '; hit' || true)
  done
}

# load_all RESULT loads all backends at once over 16 connections in all, and adds a line
# to RESULT: requests a second, µs of our CPU a request, the middle latency and p99 in ms.
load_all() {
  local before after url outputs=() wrks=()
  before=$(cpu "${ours[@]}")
  for url in "${urls[@]}"; do
    outputs+=("$dir/wrk-${#outputs[@]}")
    wrk -t $((2 / ${#urls[@]})) -c $((16 / ${#urls[@]})) -d "$seconds" --latency -s "$lua" "$url" >"${outputs[-1]}" &
    wrks+=($!)
  done
  wait "${wrks[@]}"
  after=$(cpu "${ours[@]}")
  ! grep -E 'Socket errors|Non-2xx' "${outputs[@]}" >&2 || return 1
  awk -v ticks=$((after - before)) '
    function millis(s) { return s ~ /us$/ ? s / 1000 : s ~ /ms$/ ? s + 0 : s * 1000 }
    $1 == "50%" && millis($2) > p50 { p50 = millis($2) }
    $1 == "99%" && millis($2) > p99 { p99 = millis($2) }
    / requests in / { n += $1 }
    $1 == "Requests/sec:" { rate += $2 }
    END { print rate, ticks * 10000 / n, p50, p99 }' "${outputs[@]}" >>"$1"
}

# row NAME loads in rounds, and prints a line of a table.
row() {
  local i result=$dir/result
  : >"$result"
  for ((i = 0; i < rounds; i++)); do load_all "$result"; done
  LC_ALL=C printf '| %s | %.0f | %.0f | %.2f | %.1f |\n' "$1" "$(median "$result" 1)" "$(median "$result" 2)" "$(median "$result" 3)" "$(median "$result" 4)"
}

table() {
  echo
  echo "| $1 | requests/s | CPU µs | median ms | p99 ms |"
  echo "| --- | --- | --- | --- | --- |"
}

# reads STORE KIB COUNT prints rows of hits and of misses: the cache then holds a
# fraction of the objects, so that the one asked for next has always just gone.
reads() {
  store_objects "$2" "$3"
  in_turn "$2" "$3"
  await_hits "$2" "$3"
  row "$2 KiB, $1, hits"
  curl -sf -o "$dir/null" -X PUT -d "{\"capacity\": $((1 << 20)), \"policy\": \"lru\"}" "${urls[0]}/api/v1/cache"
  row "$2 KiB, $1, misses"
}

plural() { (($1 == 1)) || echo s; }

machine
start_mariadb
start_s3
table "hits of 1 KiB, 16 connections"
for backends in 1 2; do
  for nodes in 1 2 3; do
    start_fleet $nodes $backends -store "$store"
    store_objects 1 500
    in_turn 1 500
    await_hits 1 500
    row "$backends backend$(plural $backends), $nodes cache node$(plural $nodes)"
  done
done
table "reads, one backend, one cache node, 16 connections"
for kib in 16 100; do
  start_fleet 1 1
  reads "files" $kib 300
  start_fleet 1 1 -store "$store"
  reads "S3" $kib 300
done
