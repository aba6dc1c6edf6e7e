#!/usr/bin/env bash
# Builds MemCache and runs its tests: "./build.sh help" tells how.
set -euo pipefail
cd -- "$(dirname -- "$0")"

usage() {
  cat <<'TEXT'
usage: ./build.sh [build | release | test | screenshots | help]

  build   build everything (what happens without an argument, too):
            bin/memcache-cache     the cache process
            bin/memcache-backend   the server, with the web app inside
            web/app.wasm           the web app, with .br and .gz beside it
            web/lab.wasm           the program of the lab's workers, likewise
          Needs Go and nothing else. What is up to date is not built again.
  release [amd64 | arm64 ...]
          build dist/memcache-VERSION-linux-ARCHITECTURE.tar.gz, of both without
          one: static programs and start.sh, for machines without Go. The same
          commit gives the same bytes.
  test    build, then run every check and every test, up to the first that
          fails. Installs what they need (MariaDB, memcached, libmemcached's
          tools, haproxy, Chromium, Node.js, zstd, ShellCheck, gcc) with apt-get
          where it may; says what is missing and how to get it where it may not.
          With npm, axe-core is fetched into bin/ and checks the pages, too.
  screenshots [FOLDER]
          build, then write a picture of each page, in widths of 320, 390 and
          1440 pixels, light and dark, into FOLDER (bin/screenshots)
  help    show this

./start.sh runs what was built.
TEXT
}

main() {
  case ${1-build} in
    build) build ;;
    release) release "${@:2}" ;;
    test) test_all ;;
    screenshots) take_screenshots "${2-bin/screenshots}" ;;
    help | -h | -help | --help) usage ;;
    *)
      usage >&2
      die "\"$1\" is none of its commands: build, release, test, screenshots and help are"
      ;;
  esac
}

die() {
  { printf 'build.sh: '; printf '%s\n' "$@"; } >&2
  exit 1
}

have() { command -v "$1" >/dev/null; }

# --- Building ---

build() {
  need_go
  mkdir -p bin
  (
    flock 9 # two builds at once would read what the other is just writing
    build_web
    build_programs bin
  ) 9>bin/.lock
}

# build_web comes first: the backend embeds what lies in web/.
build_web() {
  go run ./frontend-wasm/slim bin/go-app
  # Without inlining in its pages and in go-app, it is 4 % smaller over the wire.
  GOOS=js GOARCH=wasm compile web/app.wasm ./frontend-wasm "-s -w" -modfile=bin/go-app.mod \
    -gcflags=memcache/frontend-wasm/...=-l -gcflags=github.com/maxence-charriere/go-app/v9/...=-l
  GOOS=js GOARCH=wasm compile web/lab.wasm ./frontend-wasm/lab "-s -w"
  copy_changed "$(go env GOROOT)/lib/wasm/wasm_exec.js" web/wasm_exec.js
  go run ./web/wasmpack web/app.wasm web/lab.wasm
}

# build_programs puts both programs into the folder $1.
build_programs() {
  local flags
  flags="-s -w -X memcache/shared/release.version=$(version) -X memcache/shared/release.commit=$(commit)"
  compile "$1/memcache-cache" ./cache "$flags"
  compile "$1/memcache-backend" ./backend "$flags"
}

release() {
  local architecture architectures=("$@")
  ((${#architectures[@]} > 0)) || architectures=(amd64 arm64)
  for architecture in "${architectures[@]}"; do
    [[ $architecture == amd64 || $architecture == arm64 ]] || die "there is no release for \"$architecture\": amd64 and arm64 are known"
  done
  need_go
  mkdir -p bin
  (
    flock 9
    build_web
    for architecture in "${architectures[@]}"; do
      package "$architecture"
    done
  ) 9>bin/.lock
}

# package makes the archive for the architecture $1. Nothing in it tells when, by
# whom or in which folder it was made.
package() {
  local name
  name=memcache-$(version)-linux-$1
  rm -rf -- "dist/$name"
  mkdir -p "dist/$name/bin"
  GOOS=linux GOARCH=$1 build_programs "dist/$name/bin"
  cp -- start.sh README.md LICENSE "dist/$name"
  tar -C dist --sort=name --mtime="@$(commit_time)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name" |
    gzip -n >"dist/$name.tar.gz.part"
  mv -- "dist/$name.tar.gz.part" "dist/$name.tar.gz"
  rm -rf -- "dist/$name"
  printf '%s\n' "dist/$name.tar.gz"
}

# compile builds package $2 as the program $1 with the linker's flags $3, and
# flags of the build after that. The web app gets no version, so that it changes
# with its sources alone.
compile() {
  CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="$3" -o "$1" "${@:4}" "$2"
}

copy_changed() {
  cmp -s "$1" "$2" || cp -- "$1" "$2"
}

# version names the commit, and whether the sources differ from it.
version() {
  git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo unknown
}

commit() { git rev-parse HEAD 2>/dev/null || echo unknown; }

# commit_time is in seconds since 1970.
commit_time() { git log -1 --format=%ct 2>/dev/null || echo 0; }

# need_go makes sure of a Go that is new enough, by the line in go.mod.
need_go() {
  local need found
  need=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
  local advice=(
    "Install it from https://go.dev/doc/install (the packages of Debian and Ubuntu are too old):"
    "unpack the archive as /usr/local/go, then: export PATH=\$PATH:/usr/local/go/bin"
  )
  have go || die "Go $need or newer is needed, and there is no \"go\" on the PATH." "${advice[@]}"

  # Go 1.21 and newer fetches the version in go.mod by itself, where that is allowed.
  found=$(go env GOVERSION 2>/dev/null) || found=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
  found=${found#go}
  [[ $(printf '%s\n' "$need" "$found" | sort -V | head -n 1) == "$need" ]] ||
    die "Go $need or newer is needed, and \"$(command -v go)\" is Go $found." "${advice[@]}"
}

# --- Testing ---

# The packages that run in the browser too, and are checked for it.
browser_packages=(./frontend-wasm/... ./shared/... ./cache/policy/... ./cache/sim/... ./cache/mrc/... ./cache/trace/...)

test_all() {
  heading=
  trap say_what_failed EXIT
  need_go
  need_tools

  step "build" build
  step "format (gofumpt)" check_format
  step "modules (go mod tidy, go mod verify)" check_modules
  step "vet" as_built go vet ./...
  step "vet for the browser" in_wasm go vet "${browser_packages[@]}"
  step "staticcheck" as_built tool staticcheck ./...
  step "staticcheck for the browser" in_wasm "$(tool -n staticcheck)" "${browser_packages[@]}"
  step "known vulnerabilities (govulncheck)" check_vulnerabilities
  step "scripts (shellcheck)" shellcheck -x build.sh start.sh .ci/run cache/bench/*.sh backend/bench/*.sh
  step "tests of the shared packages in WebAssembly" test_in_wasm
  step "tests that the race detector makes too slow" test_without_race
  step "axe-core, which checks the pages" fetch_axe
  step "tests of the programs, from outside" with_race -parallel 3 ./backend/e2e
  step "tests of all the rest" test_the_rest

  printf '\nAll checks and tests passed in %d min %d s.\n' $((SECONDS / 60)) $((SECONDS % 60))
}

# step runs the rest of its arguments under the heading $1. It stands in no
# condition, so that the first command that fails ends the script (set -e).
step() {
  heading=$1
  local began=$SECONDS
  printf '\n=== %s\n' "$heading"
  "${@:2}"
  printf -- '--- ok, %d s\n' $((SECONDS - began))
  heading=
}

say_what_failed() {
  [[ -z $heading ]] || printf '\n=== FAILED: %s\n' "$heading" >&2
}

# tool runs a tool of .ci/tools.mod; "tool -n" only tells where its program is,
# because "go tool" would build it for the browser under in_wasm.
tool() { go tool -modfile=.ci/tools.mod "$@"; }

# as_built uses the flags of the build, so that nothing is compiled again for a
# check alone: the databases take minutes.
as_built() { CGO_ENABLED=0 GOFLAGS="${GOFLAGS-} -trimpath" "$@"; }

in_wasm() { GOOS=js GOARCH=wasm "$@"; }

check_format() {
  local wrong
  wrong=$(tool gofumpt -l backend cache frontend-wasm shared web) # not bin, where a build may have put others' code
  [[ -n $wrong ]] || return 0
  printf 'not as gofumpt would write them:\n%s\n' "$wrong"
  echo "to mend them: go tool -modfile=.ci/tools.mod gofumpt -w ."
  return 1
}

check_modules() {
  go mod tidy -diff
  go mod verify
}

# check_vulnerabilities looks for those that are reached by a call from here. It is
# left out where their database cannot be reached.
check_vulnerabilities() {
  local database=https://vuln.go.dev
  have curl || { echo "skipped: there is no curl, to see whether $database can be reached"; return; }
  curl -sfI --max-time 5 -o /dev/null "$database/index/db.json" || { echo "skipped: $database cannot be reached"; return; }
  as_built tool govulncheck -db "$database" ./...
}

test_in_wasm() {
  in_wasm go test -exec="$(go env GOROOT)/lib/wasm/go_js_wasm_exec" ./shared/... ./cache/policy/... ./cache/sim/... ./cache/mrc/... ./cache/trace/... ./frontend-wasm/link ./frontend-wasm/lab/...
}

# test_without_race runs the replays and the curves, where there is nothing to race.
test_without_race() {
  as_built go test ./cache/sim ./backend/internal/autopilot
  as_built go test ./cache/mrc ./cache/internal/tap ./cache -run 'NearTheSimulation|EqualTheSimulation|TestMemory$|Prediction|PromiseOfStatsMRC'
}

# with_race runs tests with the race detector on, for all but SQLite itself, which is
# several times as slow with it: a package translated from C, in which no goroutine of
# ours runs into another but by the driver, which is watched. A package that has
# generic types of sync in it could not be left out: the linker would take its copy of
# them for all others, too, and the detector would not see who waits for whom.
with_race() {
  CGO_ENABLED=1 go test -race -gcflags=modernc.org/sqlite/lib=-race=false -shuffle=on -timeout 30m "$@"
}

test_the_rest() {
  local packages
  mapfile -t packages < <(go list ./... | grep -v '/backend/e2e$')
  with_race "${packages[@]}"
}

# fetch_axe gets the program that checks pages for people with disabilities. The
# tests do without where there is no npm, or no registry.
fetch_axe() {
  local file=$PWD/bin/axe/node_modules/axe-core/axe.min.js
  if [[ ! -e $file ]]; then
    have npm || { echo "skipped: there is no npm"; return; }
    npm install --silent --no-audit --no-fund --prefix bin/axe axe-core@4 || { echo "skipped: npm cannot fetch axe-core"; return; }
  fi
  export MEMCACHE_AXE=$file
}

# take_screenshots writes pictures of all pages into the folder $1.
take_screenshots() {
  build
  mkdir -p -- "$1"
  MEMCACHE_SCREENSHOTS=$(cd -- "$1" && pwd) as_built go test ./backend/e2e -run EveryPageFits -count=1
  printf 'The pictures are in %s\n' "$1"
}

# --- What the tests need ---

# need_tools installs what is missing, or says what is and fails.
need_tools() {
  PATH=$PATH:/usr/sbin:/snap/bin # MariaDB and Ubuntu's Chromium are there, which not every PATH has
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} > 0)) || return 0
  step "install ${missing[*]}" install_packages "${missing[@]}"

  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) ||
    die "installed, but still missing or too old for the tests: ${missing[*]}" "$(explain "${missing[@]}")"
}

# missing_packages prints Debian's packages for the programs that are missing
# or do not work.
missing_packages() {
  have mariadbd && have mariadb-install-db || echo mariadb-server
  have shellcheck || echo shellcheck
  have zstd || echo zstd
  have memcached && [[ -x /usr/share/memcached/scripts/memcached-tool ]] || echo memcached
  have memccapable || echo libmemcached-tools
  have haproxy || echo haproxy
  [[ $(node --version 2>/dev/null) =~ ^v([0-9]+) ]] && ((BASH_REMATCH[1] >= 18)) || echo nodejs
  compiles_c || printf '%s\n' gcc libc6-dev
  browser_works || echo chromium
}

# compiles_c tells whether there is a C compiler with its headers, which Go's
# race detector needs.
compiles_c() {
  echo '#include <stdlib.h>' | gcc -xc -fsyntax-only - 2>/dev/null
}

# browser_works tries the first of the names that the tests look for: on Ubuntu
# it may be a stub that only asks to install a snap.
browser_works() {
  local name
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    if have "$name"; then
      "$name" --version >/dev/null 2>&1
      return
    fi
  done
  return 1
}

install_packages() {
  local root=()
  have apt-get || die "missing for the tests, and there is no apt-get to install it:" "$(explain "$@")"
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null ||
      die "missing for the tests, and only root may install it:" "$(explain "$@")"
    root=(sudo -n)
  fi

  local package packages=()
  for package in "$@"; do
    if [[ $package == chromium ]] && on_ubuntu; then
      have snap || die "missing for the tests:" "$(explain chromium)"
      "${root[@]}" snap install chromium
    else
      packages+=("$package")
    fi
  done
  ((${#packages[@]} > 0)) || return 0
  "${root[@]}" apt-get update -q
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
  if [[ " ${packages[*]} " == *" memcached "* ]]; then
    leave_no_memcached_running "${root[@]}"
  fi
}

# leave_no_memcached_running ends the service that starts with Debian's package,
# now and for good: it takes the cache's port, and the tests start their own. The
# arguments are what makes a command root's.
leave_no_memcached_running() {
  "$@" invoke-rc.d memcached stop || true # nothing to stop where services do not run, as in a container
  "$@" update-rc.d memcached disable
}

on_ubuntu() { grep -qs '^ID=ubuntu' /etc/os-release; }

# explain says for each package what it is for, and how to install it.
explain() {
  local package
  for package in "$@"; do
    case $package in
      mariadb-server) echo "  MariaDB server (mariadbd), for the tests of the database: apt-get install mariadb-server" ;;
      shellcheck) echo "  ShellCheck, for the scripts: apt-get install shellcheck" ;;
      zstd) echo "  zstd, for the tests with recorded traces: apt-get install zstd" ;;
      memcached) echo "  memcached with memcached-tool, which the cache's answers are compared with: apt-get install memcached" ;;
      libmemcached-tools) echo "  libmemcached's tools, for the tests of the cache's protocol: apt-get install libmemcached-tools" ;;
      haproxy) echo "  haproxy, the load balancer of the tests with several backends: apt-get install haproxy" ;;
      nodejs) echo "  Node.js 18 or newer, for the tests in WebAssembly: apt-get install nodejs, or https://nodejs.org where that is older" ;;
      gcc) echo "  a C compiler, for the race detector: apt-get install gcc libc6-dev" ;;
      chromium)
        if on_ubuntu; then
          echo "  Chromium, for the tests in the browser: snap install chromium. Where snaps do not run (in a container),"
          echo "  Ubuntu has none: its packages are stubs. Remove them, then install Google Chrome's from https://www.google.com/chrome"
        else
          echo "  Chromium, for the tests in the browser: apt-get install chromium"
        fi
        ;;
    esac
  done
}

main "$@"
