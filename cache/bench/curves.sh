#!/usr/bin/env bash
# Measures what the miss-ratio curves cost: the same load on a cache with them and
# on one without in short turns, and the ratios (with to without) of each pair of
# turns: their median, and between what the half in the middle is. CPU time is that
# of the scheduler for each operation, which others on the machine disturb least.
#
#   cache/bench/curves.sh [quick]
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

rounds=41 time=300ms
case ${1-} in
  '') ;;
  quick) rounds=9 time=300ms ;;
  *) echo "usage: $0 [quick]" >&2; exit 2 ;;
esac

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

"$dir/cache" -m 1024 -t 2 -s "$dir/with" 2> "$dir/log" & with=$!
"$dir/cache" -m 1024 -t 2 -s "$dir/without" -curves=false 2> "$dir/log2" & without=$!
for socket in "$dir/with" "$dir/without"; do
  for _ in {1..100}; do
    [[ -S $socket ]] && break
    sleep 0.1
  done
done
"$dir/load" -size 1024 -keys 100000 -conns 32 -pipelines 1,16 -rounds $rounds -time $time \
  "with curves=$dir/with,$with" "without=$dir/without,$without"
