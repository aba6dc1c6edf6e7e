#!/usr/bin/env bash
# Measures what clients notice of trouble: how long GET /objects/KEY of a cached
# object of 1 KiB takes while nothing happens, while the cache is killed or hangs
# for two seconds, and beside slow clients. The quiet and the troubled load run in
# turn; each figure is the median of the rounds.
#
#   backend/bench/trouble.sh [quick]
#
# Use a quiet machine. Installs wrk from Debian when it is missing and this runs
# as root.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
need wrk wrk
ulimit -n 4096
each=500 # slow clients of each kind

start_ours -log-level warn -max-uploads $((2 * each)) -stall-timeout 3s -header-timeout 3s
random_file small 1024
random_file large $((900 << 10))
curl -sf -T "$dir/small" "$url/objects/small" >"$dir/null"
curl -sf -T "$dir/large" "$url/objects/large" >"$dir/null"
for name in small small large large; do same_bytes "$name" "$url/objects/$name"; done

start_cache() {
  "$dir/cache" -s "$dir/data/cache.sock" 2>>"$dir/cache.log" &
  ours[0]=$!
}

nothing() { :; }

killed() {
  kill -9 "${ours[0]}"
  wait "${ours[0]}" 2>/dev/null || true
  sleep 2
  start_cache
}

stopped() {
  kill -STOP "${ours[0]}"
  sleep 2
  kill -CONT "${ours[0]}"
}

# slow has clients that begin a header, a body or to read, and do no more.
slow() {
  local i fd address=${url#http://}
  fds=()
  for ((i = 0; i < each; i++)); do
    for said in 'GET /objects/small HTTP/1.1\r\nHost: localhost\r\nX-' \
      "PUT /objects/slow-$i HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegin" \
      'GET /objects/large HTTP/1.1\r\nHost: localhost\r\n\r\n'; do
      exec {fd}<>"/dev/tcp/${address%:*}/${address#*:}"
      # shellcheck disable=SC2059 # it has the line ends
      printf "$said" >&"$fd"
      fds+=("$fd")
    done
  done
}

hang_up() {
  local fd
  for fd in "${fds[@]}"; do exec {fd}>&-; done
  fds=()
}
fds=()

# measure EVENT RESULT adds a line to RESULT: p99 and the longest, in ms.
measure() {
  wrk -t1 -c16 -d5 --latency "$url/objects/small" >"$dir/wrk" &
  local load=$!
  sleep 1
  "$1"
  wait "$load"
  hang_up
  ! grep -E 'Socket errors|Non-2xx' "$dir/wrk" >&2 || return 1
  awk '
    function millis(s) { return s ~ /us$/ ? s / 1000 : s ~ /ms$/ ? s + 0 : s * 1000 }
    $1 == "99%" { p99 = millis($2) }
    $1 == "Latency" && $4 ~ /s$/ { longest = millis($4) }
    END { print p99, longest }' "$dir/wrk" >>"$2"
}

machine
echo "| trouble | p99 ms, quiet | with it | added | longest ms, quiet | with it |"
echo "| --- | --- | --- | --- | --- | --- |"
for event in killed stopped slow; do
  : >"$dir/quiet"
  : >"$dir/$event"
  for ((i = 0; i < rounds; i++)); do
    measure nothing "$dir/quiet"
    measure "$event" "$dir/$event"
    sleep 1
  done
  awk -v name="$event" -v a="$(median "$dir/quiet" 1)" -v b="$(median "$dir/$event" 1)" -v c="$(median "$dir/quiet" 2)" -v d="$(median "$dir/$event" 2)" \
    'BEGIN { printf "| %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", name, a, b, b - a, c, d }'
done
