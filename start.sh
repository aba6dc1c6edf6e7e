#!/usr/bin/env bash
# Runs MemCache: builds what is missing or stale, starts the cache process and
# the backend, keeps both running, and ends both on Ctrl-C or SIGTERM.
#
#   ./start.sh [-cache-nodes N] [flags of the backend]     ./start.sh -h shows them
#
# Or has systemd do so, from the next boot on, too:
#
#   sudo ./start.sh install [the same]    also over an older version; settings stay
#   sudo ./start.sh uninstall [-data]     with -data, what was stored goes, too
#   sudo ./start.sh status
#   sudo ./start.sh login [NAME] | backup FILE | restore FILE | copy -to PLACE
#
# It needs bash, and setsid, setpriv and flock of util-linux.
set -euo pipefail

root=$(dirname -- "$(readlink -f -- "$0")")
data=${MEMCACHE_DATA:-$root/data}
nodes=${MEMCACHE_CACHE-}              # cache nodes that run elsewhere; empty for our own
cache_nodes=${MEMCACHE_CACHE_NODES-} # how many those are; empty for as many as the last time
arguments=()                          # of the backend
readonly most_nodes=8

programs=()         # those we keep running, in the order of their start
declare -A pid=()   # the process of a program that runs
declare -A due=()   # when a program that ended is started again, in $SECONDS
declare -A pause=() # how many seconds it then waits
declare -A began=() # when it was started last, in $SECONDS
readonly longest_pause=30 healthy=60 crash_loop=8

# Where the service is: below $DESTDIR where that is set, and then nothing is started
# and no user made.
readonly dest=${DESTDIR-} user=memcache-app
readonly home=$dest/opt/memcache settings=$dest/etc/memcache/settings units=$dest/etc/systemd/system
readonly unit_files=("$units"/memcache{.target,-backend.service,-cache@.service})
readonly installed=("$home" "$settings" "${unit_files[@]}")

main() {
  case ${1-} in
    install | uninstall | status) "${1}_service" "${@:2}" ;;
    login | backup | restore | copy) run_as_service "$@" ;;
    *) run "$@" ;;
  esac
}

run() {
  read_arguments "$@"
  build
  lock_data
  trap stop INT TERM HUP

  exec {output}<> <(:) # a pipe for what the backend says: when it serves, and where
  [[ -n $nodes ]] || launch_caches
  programs+=(backend)
  launch backend

  await_address
  local state="is ready"
  await_ready || state="runs, but is not ready yet"
  cat <<TEXT

  MemCache $state: $(address_for_people)

  Files are kept in $data. Ctrl-C ends it.

TEXT
  supervise
}

say() { printf 'start.sh: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# --- Before the start ---

# read_arguments looks for what concerns this script among the backend's flags.
read_arguments() {
  local flag value
  while (($# > 0)); do
    flag=${1%%=*} value=${1#*=}
    [[ $1 == *=* ]] || value=${2-}
    case $flag in
      -cache-nodes | --cache-nodes)
        cache_nodes=$value
        [[ $1 == *=* ]] || (($# == 1)) || shift
        shift
        continue
        ;;
      -data | --data) data=$value ;;
      -cache | --cache) nodes=$value ;;
      -h | -help | --help | -version | --version) tell "$1" ;;
    esac
    arguments+=("$1")
    shift
  done
  [[ -n $data ]] || die "the data folder has an empty name: give -data the path of a folder"
  [[ $cache_nodes =~ ^[1-$most_nodes]?$ ]] ||
    die "-cache-nodes \"$cache_nodes\" cannot be had: give a number from 1 to $most_nodes"
  [[ -z $nodes || -z $cache_nodes || $cache_nodes == 1 ]] ||
    die "-cache names nodes that run elsewhere, and -cache-nodes $cache_nodes asks for our own: give one of the two"
}

# tell prints the version, or the flags, and ends.
tell() {
  build >&2
  local status=0
  "$root/bin/memcache-backend" "$1" || status=$?
  [[ $1 == *version ]] || cat <<TEXT
  -cache-nodes number
    	number of cache processes that start.sh runs, each with the whole capacity, from 1 to $most_nodes (default as
    	many as the last time, 1 at first; the app can change it)

start.sh install [flags], uninstall [-data] and status are about a service of systemd,
login, backup, restore and copy act on its data. They take root: sudo ./start.sh install
TEXT
  exit "$status"
}

# build is left out where there are only the programs, or nothing to build with.
build() {
  if [[ -x $root/bin/memcache-cache && -x $root/bin/memcache-backend ]]; then
    [[ -e $root/go.mod ]] && command -v go >/dev/null || return 0
  fi
  "$root/build.sh"
}

# lock_data makes sure that nothing else runs on the data folder. The programs
# inherit the lock, so that it holds for as long as one of them lives.
lock_data() {
  (umask 077 && mkdir -p -- "$data") || die "the data folder cannot be made: choose another with -data"
  data=$(cd -- "$data" && pwd)
  [[ -w $data ]] || die "the data folder $data cannot be written to: change its owner or mode, or choose another with -data"
  exec {lock}<>"$data/start.lock"
  local owner=
  if ! flock -n "$lock"; then
    read -r -u "$lock" owner || true
    die "MemCache runs on $data already (started by process ${owner:-unknown}). Stop that one, or choose another folder with -data and another address with -listen"
  fi
  echo $$ >"$data/start.lock"
}

# launch_caches starts the cache processes. How many is kept in a file, by which the
# backend asks for more or fewer.
launch_caches() {
  local i count_file=$data/cache-nodes
  [[ -n $cache_nodes ]] || asked_nodes "$count_file" || cache_nodes=1
  check_socket "$data/$(cache_name "$most_nodes").sock"
  echo "$cache_nodes" >"$count_file"
  arguments+=(-local-nodes "$count_file")
  for ((i = 1; i <= cache_nodes; i++)); do add_cache "$i"; done
}

# asked_nodes reads how many caches a file asks for; it fails without a good number.
asked_nodes() {
  local number=
  read -r number 2>/dev/null <"$1" || return 1
  [[ $number =~ ^[1-$most_nodes]$ ]] && cache_nodes=$number
}

cache_name() { (($1 == 1)) && echo cache || echo "cache-$1"; }

add_cache() {
  local name
  name=$(cache_name "$1")
  programs=("$name" "${programs[@]}") # before the backend, which ends first
  launch "$name"
}

end_cache() {
  local name kept=() program
  name=$(cache_name "$1")
  for program in "${programs[@]}"; do
    [[ $program == "$name" ]] || kept+=("$program")
  done
  programs=("${kept[@]}")
  [[ -z ${pid[$name]-} ]] || end "$name"
  unset "pid[$name]"
}

# follow_caches starts and ends caches as the backend asks for.
follow_caches() {
  local running=$cache_nodes
  [[ -z $nodes ]] && asked_nodes "$data/cache-nodes" || return 0
  while ((running < cache_nodes)); do add_cache $((++running)); done
  while ((running > cache_nodes)); do end_cache $((running--)); done
}

# check_socket refuses what the system would cut off or refuse less clearly.
check_socket() {
  local LC_ALL=C # count bytes
  ((${#1} <= 107)) || die "the path $1 is ${#1} bytes long, and a unix socket's may have 107: choose a shorter data folder with -data"
}

# --- The programs ---

# launch starts a program. setsid keeps Ctrl-C from it, because we end the
# programs in order; setpriv has it ended when we are gone, even by kill -9.
launch() {
  local command
  case $1 in
    cache*) command=("$root/bin/memcache-cache" -s "$data/$1.sock") ;;
    backend) command=("$root/bin/memcache-backend" -data "$data" "${arguments[@]}") ;;
  esac
  setsid setpriv --pdeathsig TERM "${command[@]}" >&"$output" &
  pid[$1]=$!
  began[$1]=$SECONDS
}

running() { kill -0 "${pid[$1]}" 2>/dev/null; }

# await_address waits until the backend says where it serves.
await_address() {
  local line=
  until next_line && [[ $line == *' listens on '* ]]; do
    check_first_start
    sleep 0.1 || true
  done
  address=${line##* }
}

# next_line reads what the backend has said into the caller's line, and fails
# when there is nothing. It does not wait: signals are then only met between
# plain commands.
next_line() {
  read -r -t 0 -u "$output" && read -r -u "$output" line
}

# address_for_people names this machine as a browser on it does.
address_for_people() {
  case $address in
    *://127.0.0.1:* | *://0.0.0.0:* | *://\[::\]:*) echo "${address%%:*}://localhost:${address##*:}" ;;
    *) echo "$address" ;;
  esac
}

# await_ready waits until the backend says that every part answers, or that it has
# waited long enough: a database that is down may come back, and the pages say so
# meanwhile. It fails when the backend cannot serve by then.
await_ready() {
  local line=
  while [[ $line != 'MemCache is '* ]]; do
    check_first_start
    if ! next_line; then
      sleep 0.1 || true
    elif [[ $line != 'MemCache is '* ]]; then
      printf '%s\n' "$line"
    fi
  done
  [[ $line != 'MemCache is ready' ]] || return 0
  say "not every part answers yet: $address/readyz tells which, and the messages above may tell why"
  [[ $line == 'MemCache is degraded' ]]
}

# check_first_start ends everything when a program fails at its first start:
# what it lacks would not come by itself.
check_first_start() {
  local name
  for name in "${programs[@]}"; do
    running "$name" && continue
    unset "pid[$name]"
    say "the $name did not start: its message above says why"
    end_all
    exit 1
  done
}

# supervise looks after the programs for ever, and repeats what they say.
supervise() {
  local name line
  while true; do
    ! next_line || printf '%s\n' "$line"
    follow_caches
    for name in "${programs[@]}"; do
      if [[ -n ${pid[$name]-} ]]; then
        running "$name" || start_later "$name"
      elif ((SECONDS >= due[$name])); then
        launch "$name"
      fi
    done
    sleep 0.3 || true
  done
}

# start_later plans the next start of a program that has ended: the more often
# it ends, the later.
start_later() {
  local name=$1 seconds=${pause[$1]-1} status=0
  wait "${pid[$name]}" 2>/dev/null || status=$?
  unset "pid[$name]"
  if ((SECONDS - began[$name] >= healthy)); then
    seconds=1
  fi
  say "the $name ended unexpectedly ($(describe "$status")): starting it again in $seconds s"
  if ((seconds >= crash_loop)); then
    say "the $name ends again and again: look for the reason in its messages above. Ctrl-C ends all"
  fi
  due[$name]=$((SECONDS + seconds))
  pause[$name]=$((seconds * 2 < longest_pause ? seconds * 2 : longest_pause))
}

describe() {
  if (($1 > 128)); then
    echo "killed by SIG$(kill -l $(($1 - 128)))"
  else
    echo "exit status $1"
  fi
}

# --- The end ---

# stop ends both programs in good order; a second signal ends them at once.
stop() {
  trap force INT TERM HUP
  say "ending MemCache; a second Ctrl-C does not wait for what is under way"
  end_all
  exit 0
}

force() {
  trap '' INT TERM HUP
  say "ending without waiting"
  kill -KILL "${pid[@]}" 2>/dev/null || true
  wait 2>/dev/null
  exit 130
}

# end_all ends the programs, the last one started first, and waits for each.
end_all() {
  local i
  for ((i = ${#programs[@]} - 1; i >= 0; i--)); do
    [[ -z ${pid[${programs[i]}]-} ]] || end "${programs[i]}"
  done
}

# end ends a program that runs.
end() {
  local status=0
  kill -TERM "${pid[$1]}" 2>/dev/null || true
  wait "${pid[$1]}" 2>/dev/null || status=$?
  ((status == 0)) || say "the $1 did not end well ($(describe "$status"))"
}

# --- As a service of systemd ---

install_service() {
  need_root install
  [[ -n $dest || -d /run/systemd/system ]] ||
    die "there is no systemd here, which would run the service: let what starts services here run ./start.sh"
  build_as_owner
  trap 'remove .new' EXIT
  stage "$@"
  prepare_data
  swap .new .old
  if [[ -n $dest ]]; then
    say "installed below $dest; nothing was started"
  elif ! start_service .old; then
    take_back
  else
    status_service
  fi
  remove .old
}

need_root() {
  [[ -n $dest ]] || ((EUID == 0)) || die "only root may do that: sudo ./start.sh $1"
}

# build_as_owner builds in a checkout, as its owner: root may lack Go, and would
# leave files there that the owner cannot change.
build_as_owner() {
  local owner
  owner=$(stat -c %U "$root")
  if [[ ! -e $root/go.mod || $EUID != 0 || $owner == root ]]; then
    build
  else
    runuser -l "$owner" -c "$(printf %q "$root/build.sh")"
  fi
}

# stage puts all that is installed beside its places, with .new at the end. The
# backend checks the settings: those that are kept, and what "$@" changes of them.
stage() {
  local new=$home.new name
  load_settings
  cache_nodes=${MEMCACHE_CACHE_NODES-}
  read_arguments "$@"
  : "${cache_nodes:=1}"
  rm -rf -- "$new"
  mkdir -p -- "$new/bin" "$units" "${settings%/*}"
  MEMCACHE_DATA=$data MEMCACHE_CACHE_NODES=$cache_nodes "$root/bin/memcache-backend" service "$new/service" "${arguments[@]}"
  for name in "${installed[@]:1}"; do
    mv -- "$new/service/${name##*/}" "$name.new"
  done
  rmdir -- "$new/service"
  cp -- "$root/bin/memcache-cache" "$root/bin/memcache-backend" "$new/bin"
  for name in start.sh README.md LICENSE; do
    [[ ! -e $root/$name ]] || cp -- "$root/$name" "$new"
  done
  chmod -R u=rwX,go=rX "$new"
}

# load_settings sets and exports the variables that are kept, if any.
load_settings() {
  if [[ -e $settings ]]; then
    set -a
    # shellcheck disable=SC1090 # the backend wrote it: see stage
    . "$settings"
    set +a
  fi
  data=${MEMCACHE_DATA-/var/lib/memcache} nodes=${MEMCACHE_CACHE-}
}

# prepare_data makes the user and the data folder, unless they are there.
prepare_data() {
  mkdir -p -- "$dest$data"
  [[ -z $dest ]] || return 0
  getent passwd "$user" >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin "$user"
  [[ $(stat -c %U "$data") != "$user" ]] || return 0
  [[ -e $data/blobs || -z $(find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found) ]] ||
    die "the data folder $data holds other things, and would get another owner: choose another with -data"
  chmod 0700 "$data"
  chown -R "$user:$user" "$data"
}

# swap puts what ends in $1 in its place, and what was there aside, with $2 at the end.
swap() {
  local part
  remove "$2"
  for part in "${installed[@]}"; do
    [[ ! -e $part ]] || mv -- "$part" "$part$2"
    [[ ! -e $part$1 ]] || mv -- "$part$1" "$part"
  done
}

# remove removes what ends in $1.
remove() {
  local part
  for part in "${installed[@]}"; do rm -rf -- "$part$1"; done
}

# start_service runs what is in place, and fails unless all of it runs. Caches that
# are the same as those of the parts that end in $1 go on, and stay warm.
start_service() {
  local unit caches
  mapfile -t caches < <(cache_units)
  systemctl daemon-reload && systemctl --quiet enable memcache.target || return 1
  same_caches "$1" || systemctl stop 'memcache-cache@*.service' || return 1
  ((${#caches[@]} == 0)) || systemctl start "${caches[@]}" || return 1
  systemctl restart memcache-backend.service && systemctl start memcache.target || return 1 # it says when it serves
  for unit in "${caches[@]}"; do
    systemctl --quiet is-active "$unit" || return 1
  done
}

cache_units() { grep -o 'memcache-cache@[0-9]*.service' "$units/memcache.target" || true; }

same_caches() {
  cmp -s "$home"{,"$1"}/bin/memcache-cache && cmp -s "$units/memcache-cache@.service"{,"$1"} && cmp -s "$units/memcache.target"{,"$1"}
}

# take_back has what was there before run again, and ends.
take_back() {
  say "it does not run as it was to be installed. It said last:"
  journalctl --quiet --no-pager --output=cat --lines=10 --unit='memcache-*' >&2 || true
  [[ -e $home.old ]] || stop_service
  swap .old .new
  [[ -e $home ]] || die "nothing was installed"
  start_service .new || die "what was there before does not run either: see journalctl -u memcache-backend"
  die "what was there before runs again"
}

status_service() {
  local unit
  [[ -e $home ]] || { say "MemCache is not installed as a service${dest:+ below $dest}"; exit 3; }
  printf '\n  %s\n' "$("$home/bin/memcache-backend" -version)"
  [[ -z $dest ]] || return 0
  for unit in memcache-backend.service $(cache_units); do
    printf '  %-26s %s %s\n' "$unit" "$(told ActiveState)" "$(told StatusText)"
  done
  cat <<TEXT

  Files are kept in $(sed -n 's/^ReadWritePaths=//p' "$units/memcache-backend.service"), the settings in $settings.
  The log: journalctl -u memcache-backend. A link to log in, where it asks for
  that: sudo $home/start.sh login

TEXT
  systemctl --quiet is-active memcache-backend.service || exit 3
}

stop_service() {
  systemctl stop memcache.target 'memcache-*.service' && systemctl --quiet disable memcache.target
}

# told is what systemd tells about the caller's unit.
told() { systemctl show --value --property="$1" "$unit"; }

uninstall_service() {
  need_root uninstall
  [[ $# == 0 || $* == -data ]] || die "uninstall takes -data or nothing; it was given: $*"
  load_settings
  [[ -n $dest || ! -e $units/memcache.target ]] || stop_service
  rm -rf -- "$home" "${unit_files[@]}"
  if [[ ${1-} == -data ]]; then
    remove_data
    say "MemCache is uninstalled, and what it kept in $dest$data is gone"
  else
    say "MemCache is uninstalled. Its files are still in $dest$data, its settings in $settings: install takes them up, and uninstall -data removes them"
  fi
}

# remove_data leaves the folder itself where something is mounted there.
remove_data() {
  [[ ! -d $dest$data ]] || find "$dest$data" -mindepth 1 -delete
  rmdir -- "$dest$data" 2>/dev/null || true
  rm -rf -- "${settings%/*}"
  [[ -n $dest ]] || ! getent passwd "$user" >/dev/null || userdel "$user"
}

# run_as_service runs a command of the backend on the service's data, as its user.
run_as_service() {
  need_root "$1"
  [[ -e $home && -e $settings ]] || die "MemCache is not installed as a service: for another, run bin/memcache-backend $1"
  load_settings
  prepare_data
  exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs "$home/bin/memcache-backend" "$@"
}

main "$@"
