#!/usr/bin/env bash
# Measures GET /objects/KEY of cached objects beside nginx with memcached on a
# unix socket: the same load on both in turn, the median of the rounds.
#
#   [SIZES="1 16"] backend/bench/hits.sh [quick]
#
# Use a quiet machine. Installs nginx, memcached and wrk from Debian when they
# are missing and this runs as root.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
need nginx nginx-light
need memcached memcached
need wrk wrk

read -ra sizes <<<"${SIZES:-1 16 100 1024}" # KiB
for size in "${sizes[@]}"; do random_file "$size" $((size << 10)); done

start_ours -log-level warn
start_memcached "${sizes[@]/#/$dir/}"
# Its default is to pass values on in pieces of 4 KiB; these are the fastest.
# shellcheck disable=SC2016 # nginx expands it
start_nginx 'set $memcached_key $uri; memcached_pass memcached; memcached_buffer_size 128k; default_type application/octet-stream;'

echo "$(nginx -v 2>&1), $(memcached -V), $(machine)"
table_head "hits, 16 connections" "nginx + memcached"
for size in "${sizes[@]}"; do
  curl -sf -o "$dir/null" -T "$dir/$size" "$url/objects/$size"
  same_bytes "$size" "$url/objects/$size" # a miss, which fills the cache
  same_bytes "$size" "$url/objects/$size"
  same_bytes "$size" "$their_url/$size"
  compare "$size KiB" "$url/objects/$size" "$their_url/$size"
done
