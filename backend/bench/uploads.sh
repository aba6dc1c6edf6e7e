#!/usr/bin/env bash
# Measures uploads over one connection, one after the other, beside dd writing
# the same bytes with conv=fsync to the same file system: both in turn, the
# median of the rounds.
#
#   backend/bench/uploads.sh [quick]
#
# TMPDIR chooses the file system; one in memory would tell nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

read_arguments "$@"
start_ours -log-level warn

# upload COUNT BYTES prints the MB/s of uploading the files 0 to COUNT-1.
upload() {
  local began=$EPOCHREALTIME
  curl -sf -T "$dir/files/[0-$(($1 - 1))]" "$url/objects/" >"$dir/null"
  awk -v from="$began" -v to="$EPOCHREALTIME" -v n="$1" -v size="$2" 'BEGIN { print n * size / (to - from) / 1e6 }'
}

# write COUNT BYTES does so with dd, by the time that dd says it took.
write() {
  local i
  for ((i = 0; i < $1; i++)); do
    dd if="$dir/files/$i" of="$dir/written" bs=1M conv=fsync 2>&1 | sed -n 's/.* copied, \([0-9.e-]*\) s.*/\1/p'
    rm "$dir/written"
  done | awk -v n="$1" -v size="$2" '{ s += $1 } END { print n * size / s / 1e6 }'
}

# measure NAME COUNT BYTES
measure() {
  local i round a=$dir/a b=$dir/b
  rm -rf -- "$dir/files"
  mkdir "$dir/files"
  : >"$a"
  : >"$b"
  for ((round = 0; round < rounds; round++)); do
    for ((i = 0; i < $2; i++)); do random_file "files/$i" "$3"; done
    upload "$2" "$3" >>"$a"
    write "$2" "$3" >>"$b"
    same_bytes files/0 "$url/objects/0"
  done
  awk -v name="$1" -v a="$(median "$a" 1)" -v b="$(median "$b" 1)" \
    -v peak="$(awk '$1 == "VmHWM:" { print $2 / 1024 }' "/proc/${ours[1]}/status")" \
    'BEGIN { printf "| %s | %.1f | %.1f | %.2f | %.0f |\n", name, a, b, a / b, peak }'
}

machine
echo "| uploads, one at a time | ours, MB/s | dd conv=fsync | × | peak MB of the backend so far |"
echo "| --- | --- | --- | --- | --- |"
measure "100 KiB" 200 $((100 << 10))
measure "100 MiB" 2 $((100 << 20))
