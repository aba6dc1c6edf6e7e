#!/usr/bin/env bash
# Measures what the miss-ratio curves cost: the same load on a cache with them and
# on one without in turn, and the ratios (with to without) of each pair of turns:
# their median, and between what the half in the middle is. Each cache has one loop,
# and all of it one processor; the load has another one, so that what they take from
# each other is not measured.
#
#   cache/bench/curves.sh [quick]
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

rounds=21
case ${1-} in
  '') ;;
  quick) rounds=7 ;;
  *) echo "usage: $0 [quick]" >&2; exit 2 ;;
esac
(( $(nproc) >= 2 )) || { echo "two processors are needed" >&2; exit 1; }

dir=$(mktemp -d)
with='' without=''
stop() {
  for pid in $with $without; do
    kill "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
}
trap 'stop; rm -rf -- "$dir"' EXIT
go build -o "$dir" ./cache ./cache/bench/load

taskset -c 0 "$dir/cache" -m 1024 -t 1 -s "$dir/with" 2> "$dir/log" & with=$!
taskset -c 0 "$dir/cache" -m 1024 -t 1 -s "$dir/without" -curves=false 2> "$dir/log2" & without=$!
for socket in "$dir/with" "$dir/without"; do
  for _ in {1..100}; do
    [[ -S $socket ]] && break
    sleep 0.1
  done
done
taskset -c 1 "$dir/load" -threads 1 -size 1024 -keys 100000 -conns 32 -pipelines 1,16 -rounds $rounds -time 1s \
  "with curves=$dir/with,$with" "without=$dir/without,$without"
