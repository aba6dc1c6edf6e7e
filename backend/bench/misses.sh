#!/usr/bin/env bash
# Measures GET /objects/KEY of objects that are not in the cache beside nginx
# serving the same files: the same load on both in turn, the median of the
# rounds. The keys are asked for in turn, and the cache holds a fraction of them,
# so that the one asked for next has always just gone.
#
#   backend/bench/misses.sh [quick]
#
# Use a quiet machine. Installs nginx and wrk from Debian when they are missing
# and this runs as root.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
need nginx nginx-light
need wrk wrk

start_ours -log-level warn -policy lru
mkdir "$dir/objects"
start_nginx "root $dir;"

# reads RESULT prints how many objects were read with that result.
reads() { curl -sf "$url/metrics" | awk -v r="$1" '$1 ~ "object_reads_total.*\"" r "\"" { n += $2 } END { print n + 0 }'; }

# measure KIB COUNT CAPACITY
measure() {
  local i hits
  for ((i = 0; i < $2; i++)); do random_file "objects/$1-$i" $(($1 << 10)); done
  curl -sf -o "$dir/null" -X PUT -d "{\"capacity\": $(($3 << 20))}" "$url/api/v1/cache"
  curl -sf -T "$dir/objects/$1-[0-$(($2 - 1))]" "$url/objects/" >"$dir/null"
  same_bytes "objects/$1-1" "$url/objects/$1-1"
  same_bytes "objects/$1-1" "$their_url/objects/$1-1"
  lua=$dir/in_turn.lua
  cat >"$lua" <<LUA
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init() at = number * $2 / 2 end
function request() at = (at + 1) % $2; return wrk.format("GET", "/objects/$1-" .. at) end
LUA
  hits=$(reads hit)
  compare "$1 KiB" "$url" "$their_url"
  hits=$(($(reads hit) - hits))
  ((hits * 100 < $(reads miss))) || echo "$hits of these reads were hits: the figures are too good" >&2
}

echo "$(nginx -v 2>&1), $(machine)"
table_head "misses, 16 connections" "nginx"
measure 1 4000 1
measure 16 600 1
measure 100 400 4
measure 1024 100 16
