#!/usr/bin/env bash
# Measures what memory both programs take with a cache of 64 MB, as the service of
# systemd has them: at rest, and at most while objects are uploaded and read, and
# pictures of them made.
#
#   backend/bench/memory.sh [quick]
#
# It is what Linux calls VmRSS and VmHWM: the programs' own files, of which others
# may have a share, are in it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
need wrk wrk
need pnmtojpeg netpbm

# tell WHAT prints a line of the table, and lets the next begin anew.
tell() {
  local pid row="| $1 |" field=VmHWM
  [[ $1 != "at rest" ]] || field=VmRSS
  for pid in "${ours[@]}"; do
    row+=" $(awk -v f=$field: '$1 == f { printf "%.0f", $2 / 1024 }' "/proc/$pid/status") |"
    echo 5 >"/proc/$pid/clear_refs"
  done
  echo "$row"
}

# upload NAME COUNT BYTES AT_ONCE uploads COUNT random objects NAME0, NAME1 ...
upload() {
  random_file "$1" "$3"
  seq 0 $(($2 - 1)) | xargs -P "$4" -I '{}' curl -sf -o "$dir/null" -T "$dir/$1" "$url/objects/$1{}"
}

# read_all NAME COUNT CONNECTIONS reads such objects for a while, in a random order.
read_all() {
  echo "request = function() return wrk.format('GET', '/objects/$1' .. math.random(0, $2 - 1)) end" >"$dir/lua"
  wrk -t2 -c"$3" -d"$((seconds * 2))" -s "$dir/lua" "$url" >"$dir/wrk"
  ! grep -E 'Socket errors|Non-2xx' "$dir/wrk" >&2
}

export GOMEMLIMIT=384MiB # as in the unit
start_ours -log-level warn -capacity 64
machine
echo "| MB | the cache | the server |"
echo "| --- | --- | --- |"
sleep "$seconds" # a measure of rest, too
tell "at rest"
upload small 500 16384 8
tell "500 uploads of 16 KiB, 8 at once"
read_all small 500 64
tell "reading them over 64 connections"
upload large 64 $((5 << 20)) 64
tell "64 uploads of 5 MiB at once"
read_all large 64 64
tell "reading them over 64 connections"
ppmmake rgb:20/80/c0 6000 4000 | pnmtojpeg >"$dir/picture"
for i in {0..15}; do curl -sf -o "$dir/null" -T "$dir/picture" "$url/objects/picture$i"; done
seq 0 15 | xargs -P 16 -I '{}' curl -sf -o "$dir/null" "$url/api/v1/thumbnails/picture{}?size=256"
tell "small pictures of 16 photos of 24 megapixels at once"
sleep "$seconds"
tell "at rest"
