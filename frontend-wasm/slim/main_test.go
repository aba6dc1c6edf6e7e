package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestProgramHasNothingOfAServer: whoever imports one of these into the user
// interface makes every first visit wait for it.
func TestProgramHasNothingOfAServer(t *testing.T) {
	t.Chdir("../..")
	to := filepath.Join(t.TempDir(), "go-app")
	if err := run(to); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-modfile="+to+".mod", "-deps", "./frontend-wasm")
	list.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("list what the program is made of: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"/pkg/app") || !slices.Contains(deps, module+"/pkg/uuid") {
		t.Fatalf("the program is not made with the copy of go-app: %v", deps)
	}
	for _, heavy := range []string{
		"net/http", "net", "crypto/tls", "crypto/x509", "text/template", "html/template", "regexp", "mime", "log/slog", "time/tzdata", "math/big",
		"github.com/google/uuid",
	} {
		if slices.Contains(deps, heavy) {
			t.Errorf("the program in the browser has the package %s", heavy)
		}
	}
}

// TestNewMachine: the build is the first that asks for go-app on a machine where
// Go has not downloaded anything yet. What this one has downloaded stands in for
// the network.
func TestNewMachine(t *testing.T) {
	t.Chdir("../..")
	downloaded, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOPROXY", "file://"+filepath.Join(strings.TrimSpace(string(downloaded)), "cache", "download"))
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // the folder can be removed after the test
	to := filepath.Join(t.TempDir(), "go-app")
	if err := run(to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "pkg/app/app.go")); err != nil {
		t.Error(err)
	}
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	if err := run(to); err == nil || !strings.Contains(err.Error(), "fetch "+module) {
		t.Errorf("without a network: %v", err)
	}
}

// TestProgramIsSmall holds the program that ./build.sh has made to its bound: 1.6
// MB as it goes over the wire.
func TestProgramIsSmall(t *testing.T) {
	info, err := os.Stat("../../web/app.wasm.br")
	if os.IsNotExist(err) {
		t.Skip("web/app.wasm is not built: run ./build.sh")
	}
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(1_600_000); info.Size() > most {
		t.Errorf("app.wasm.br has %d bytes, want at most %d", info.Size(), most)
	}
}

func TestSourceWithoutPackages(t *testing.T) {
	if _, err := slim(fstest.MapFS{"pkg/other/x.go": {}}); err == nil || !strings.Contains(err.Error(), "pkg/app") {
		t.Errorf("a source without go-app gives %v", err)
	}
}
