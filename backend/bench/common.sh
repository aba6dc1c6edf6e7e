# What the scripts beside this one share: they source it. Both sides run on
# loopback, in a folder of their own that is removed at the end.
# shellcheck shell=bash disable=SC2034 # variables that the scripts use

# need PROGRAM PACKAGE installs a peer when it is missing and this runs as root.
# RUNLEVEL keeps Debian from starting it as a service.
need() {
  command -v "$1" >/dev/null || RUNLEVEL=1 apt-get install -y --no-install-recommends "$2" >/dev/null
}

dir=$(mktemp -d)
ours=() theirs=() # processes of either side

stop() {
  local pid
  for pid in "${ours[@]}" "${theirs[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  ours=() theirs=()
}
trap 'stop; rm -rf -- "$dir"' EXIT

machine() {
  echo "$(nproc) processors, $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), load $(cut -d' ' -f1 /proc/loadavg)"
}

# start_ours [FLAG]... starts the cache process and the backend on an empty
# folder; $url is then where it answers.
start_ours() {
  [[ -x $dir/backend ]] || (cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && go build -o "$dir" ./backend ./cache)
  rm -rf -- "$dir/data"
  mkdir -m 700 "$dir/data"
  "$dir/cache" -s "$dir/data/cache.sock" 2>"$dir/cache.log" &
  ours=($!)
  "$dir/backend" -listen 127.0.0.1:0 -data "$dir/data" "$@" >"$dir/backend.log" 2>&1 &
  ours+=($!)
  until url=$(grep -sm1 -o 'http://127[0-9.:]*' "$dir/backend.log"); do
    kill -0 $! || { cat "$dir/backend.log" >&2; return 1; }
    sleep 0.1
  done
  until curl -sf "$url/readyz" | grep -q '"ready"'; do sleep 0.1; done
}

# start_nginx LOCATION starts nginx with that location; $their_url is then where
# it answers. It is set up to be fast: no log, connections kept.
start_nginx() {
  their_url=http://127.0.0.1:${PEER_PORT:-21280}
  cat >"$dir/nginx.conf" <<CONF
daemon off;
user root;
worker_processes auto;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=10000;
  client_body_temp_path $dir/body;
  upstream memcached { server unix:$dir/memcached.sock; keepalive 32; }
  server { listen ${their_url#http://}; location / { $1 } }
}
CONF
  nginx -c "$dir/nginx.conf" 2>/dev/null &
  theirs+=($!)
  until curl -s -o "$dir/null" "$their_url/"; do sleep 0.1; done
}

# start_memcached FILE... starts memcached with each file under its name.
start_memcached() {
  memcached -u root -m 1024 -I 64m -t 2 -s "$dir/memcached.sock" &
  theirs+=($!)
  until [[ -S $dir/memcached.sock ]]; do sleep 0.1; done
  perl -MIO::Socket::UNIX -e '
    my $s = IO::Socket::UNIX->new(shift) or die "memcached: $!";
    for my $path (@ARGV) {
      open my $f, "<:raw", $path or die "$path: $!";
      my $value = do { local $/; <$f> };
      my ($name) = $path =~ m{([^/]+)$};
      print $s "set /$name 0 0 ", length $value, "\r\n", $value, "\r\n";
      $s->flush;
      my $answer = <$s>;
      die "memcached did not store $path: $answer" if $answer ne "STORED\r\n";
    }' "$dir/memcached.sock" "$@"
}

# random_file NAME BYTES makes a file of random bytes.
random_file() { head -c "$2" /dev/urandom >"$dir/$1"; }

# same_bytes FILE URL fails unless the answer is the file.
same_bytes() {
  curl -sf "$2" | cmp -- - "$dir/$1" || { echo "$2 answers with other bytes" >&2; return 1; }
}

# cpu PID... prints the processor time that the processes and their children
# have used, in ticks of 10 ms.
cpu() {
  local pid child children all=()
  for pid in "$@"; do
    read -ra children <"/proc/$pid/task/$pid/children" || true # it has no line end
    for child in "$pid" "${children[@]}"; do all+=("/proc/$child/stat"); done
  done
  cat "${all[@]}" | sed 's/.*) //' | awk '{ ticks += $12 + $13 } END { print ticks }'
}

# load URL RESULT PID... loads URL with wrk for $seconds, with the script $lua if
# there is one, and adds a line to RESULT: requests a second, p99 in µs, µs of the
# processes' CPU a request.
load() {
  local before after lua_args=()
  [[ -z ${lua-} ]] || lua_args=(-s "$lua")
  before=$(cpu "${@:3}")
  wrk -t2 -c16 -d"$seconds" --latency "${lua_args[@]}" "$1" >"$dir/wrk"
  after=$(cpu "${@:3}")
  ! grep -E 'Socket errors|Non-2xx' "$dir/wrk" >&2 || return 1
  awk -v ticks=$((after - before)) '
    function micros(s) { return s ~ /us$/ ? s + 0 : s ~ /ms$/ ? s * 1000 : s * 1000000 }
    $1 == "99%" { p99 = micros($2) }
    / requests in / { n = $1 }
    $1 == "Requests/sec:" { rate = $2 }
    END { print rate, p99, ticks * 10000 / n }' "$dir/wrk" >>"$2"
}

# median FILE COLUMN prints the middle of a column.
median() { sort -g -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }

table_head() {
  echo "| $1 | ours, requests/s | $2 | × | p99 ms, ours | theirs | × | CPU µs, ours | theirs | × |"
  echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
}

# compare NAME URL THEIR_URL loads both in turn, $rounds times, and prints a line
# of the table: medians, and ours to theirs.
compare() {
  local a=$dir/a b=$dir/b column row="| $1 |"
  : >"$a"
  : >"$b"
  for ((i = 0; i < rounds; i++)); do
    load "$2" "$a" "${ours[@]}"
    load "$3" "$b" "${theirs[@]}"
  done
  for column in 1 2 3; do
    row+=$(awk -v c=$column -v a="$(median "$a" $column)" -v b="$(median "$b" $column)" 'BEGIN {
      form = c == 1 ? " %.0f | %.0f | %.2f |" : c == 2 ? " %.1f | %.1f | %.2f |" : " %.0f | %.0f | %.2f |"
      if (c == 2) { a /= 1000; b /= 1000 }
      printf form, a, b, a / b
    }')
  done
  echo "$row"
}

# read_arguments takes "quick" for a first look.
rounds=5 seconds=4
read_arguments() {
  case ${1-} in
    '') ;;
    quick) rounds=3 seconds=1 ;;
    *) echo "usage: $0 [quick]" >&2; exit 2 ;;
  esac
}
