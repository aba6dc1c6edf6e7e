#!/usr/bin/env bash
# Measures the cache process beside Debian's memcached: the same load on both in
# turn, the median of the rounds, and the ratios (ours to memcached's; above 1 is
# better for ops/s, below 1 for CPU).
#
#   cache/bench/compare.sh [unix|tcp] [apart] [quick]
#
# Both have two threads, and share all processors with the load. With apart, both
# have one thread on the first processor and the load has the second, so that what
# the system makes of too many threads is not measured, and less is by chance.
#
# Use a quiet machine with at least two processors. Installs memcached when it is
# missing and this runs as root.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

network=unix rounds=5 time=1s threads=2
servers=() loads=() # what runs them
for arg in "$@"; do
  case $arg in
    unix | tcp) network=$arg ;;
    apart) threads=1 servers=(taskset -c 0) loads=(taskset -c 1) ;;
    quick) rounds=3 time=500ms ;;
    *) echo "usage: $0 [unix|tcp] [apart] [quick]" >&2; exit 2 ;;
  esac
done

if ! command -v memcached > /dev/null; then
  apt-get install -y --no-install-recommends memcached > /dev/null
fi
dir=$(mktemp -d)
ours='' theirs='' head=true
stop() {
  for pid in $ours $theirs; do
    kill "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  ours='' theirs=''
}
trap 'stop; rm -rf -- "$dir"' EXIT
go build -o "$dir" ./cache ./cache/bench/load
mv "$dir/cache" "$dir/memcache-cache"

answers() { # ADDRESS
  for _ in {1..100}; do
    if [[ $1 == /* ]]; then
      [[ -S $1 ]] && return
    elif (: > "/dev/tcp/${1/://}") 2> /dev/null; then
      return
    fi
    sleep 0.1
  done
  echo "nothing listens on $1" >&2
  return 1
}

# measure SIZE KEYS CONNECTIONS PIPELINES
measure() {
  local memory=1024 a b
  if [[ $network == unix ]]; then
    a=$dir/ours b=$dir/theirs
    "${servers[@]}" "$dir/memcache-cache" -m $memory -I 64m -t $threads -s "$a" 2> "$dir/log" & ours=$!
    "${servers[@]}" memcached -u root -m $memory -I 64m -t $threads -s "$b" & theirs=$!
  else
    a=127.0.0.1:21211 b=127.0.0.1:21212
    "${servers[@]}" "$dir/memcache-cache" -m $memory -I 64m -t $threads -p 21211 2> "$dir/log" & ours=$!
    "${servers[@]}" memcached -u root -m $memory -I 64m -t $threads -l 127.0.0.1 -p 21212 -U 0 & theirs=$!
  fi
  answers "$a"
  answers "$b"
  "${loads[@]}" "$dir/load" -threads $threads -head="$head" -size "$1" -keys "$2" -conns "$3" -pipelines "$4" -rounds $rounds -time $time \
    "memcache=$a,$ours" "memcached=$b,$theirs"
  head=false
  stop
}

echo "$(memcached -V), $network socket, $(nproc) processors, $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo)"
measure 1024 100000 32 1,16
measure 65536 1000 8 1
measure 1048576 64 8 1
