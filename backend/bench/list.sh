#!/usr/bin/env bash
# Measures lists of 10,000, 100,000 and 1,000,000 keys on SQLite and MariaDB,
# each page beside itself at the first size: the quickest call of the rounds.
#
#   [SIZES="10000 100000"] backend/bench/list.sh [SQLite|MariaDB]
#
# Use a quiet machine, and give it minutes: most of them go into making the keys.
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

read -ra sizes <<<"${SIZES:-10000 100000 1000000}"
output=$(mktemp)
trap 'rm -f -- "$output"' EXIT
for size in "${sizes[@]}"; do
  go test ./backend/internal/sqlindex -run '^$' -bench "BenchmarkList/${1-}" -benchtime 20x -timeout 60m -list-sizes "$size" >>"$output" || {
    cat "$output" >&2
    exit 1
  }
done

# A line is: BenchmarkList/SQLite/10000/first_page-2  20  760324 ns/op  0.5730 best-ms/op
awk -v sizes="${sizes[*]}" '
  /^BenchmarkList\// {
    sub(/-[0-9]+$/, "", $1)
    split($1, part, "/")
    page = part[2] ": " part[4]
    gsub(/_/, " ", page)
    if (!(page in seen)) { seen[page] = 1; order[++n] = page }
    best[page, part[3]] = $(NF - 1)
  }
  END {
    count = split(sizes, size, " ")
    head = "| ms |"; line = "| --- |"
    for (i = 1; i <= count; i++) { head = head " " size[i] " keys |"; line = line " --- |" }
    print head " last to first |"; print line " --- |"
    for (p = 1; p <= n; p++) {
      row = "| " order[p] " |"
      for (i = 1; i <= count; i++) row = row sprintf(" %.2f |", best[order[p], size[i]])
      print row sprintf(" %.1f |", best[order[p], size[count]] / best[order[p], size[1]])
    }
  }' "$output"
