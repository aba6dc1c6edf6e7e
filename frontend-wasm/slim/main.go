// Command slim copies go-app without what only a server needs of it:
//
//	go run ./frontend-wasm/slim bin/go-app
//
// go-app is one package for both sides. Its handler, which the program in the
// browser never calls, brings net/http and with it all of crypto/tls, templates
// and regular expressions: 2 MB of a program whose every byte a first visit
// waits for. The copy has the files of stubs in the place of those, and is what
// ./build.sh compiles the program with (see [modfile]); the backend, the tests
// and the checks use go-app as it is. Should a new version of go-app need more
// than the stubs have, the copy does not compile.
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/maxence-charriere/go-app/v9"

// kept are the packages that the program uses.
var kept = []string{"pkg/app", "pkg/errors", "pkg/logs"}

// replaced are the files that a stub of the same name stands for, or none.
var replaced = []string{"pkg/app/crypto.go", "pkg/app/http.go", "pkg/app/resource.go", "pkg/app/route.go", "pkg/app/static.go", "pkg/app/wasm.go"}

// The identifiers of states and devices need no more randomness than the stub
// gives; this package brings three kinds of hashes and a database driver.
const (
	uuidImport = `"github.com/google/uuid"`
	uuidStub   = `"` + module + `/pkg/uuid"`
)

//go:embed stubs
var stubs embed.FS

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: slim FOLDER\n\nwrites go-app without its server half into FOLDER, and FOLDER.mod to build with")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

func run(to string) error {
	source, err := folderOf(module)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", module, err)
	}
	files, err := slim(os.DirFS(source))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(to, "pkg")); err != nil {
		return err
	}
	for name, content := range files {
		if err := write(filepath.Join(to, name), content); err != nil {
			return err
		}
	}
	return modfile(to)
}

// folderOf returns the folder of a module's sources, in the version of go.mod.
// On a new machine nothing has been downloaded yet, and "go list -m" would not.
func folderOf(module string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Stderr = os.Stderr
	out, err := command.Output()
	var found struct{ Dir, Error string }
	if e := json.Unmarshal(out, &found); e == nil && found.Error != "" {
		return "", errors.New(found.Error)
	}
	if err != nil {
		return "", err
	}
	if found.Dir == "" {
		return "", fmt.Errorf("go mod download does not say where it is: %q", out)
	}
	return found.Dir, nil
}

// slim returns the files of the copy by their paths.
func slim(source fs.FS) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, folder := range kept {
		names, err := fs.Glob(source, folder+"/*.go")
		if err != nil || len(names) == 0 {
			return nil, fmt.Errorf("%s of %s has no sources (%v)", folder, module, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || slices.Contains(replaced, name) {
				continue
			}
			content, err := fs.ReadFile(source, name)
			if err != nil {
				return nil, err
			}
			files[name] = bytes.ReplaceAll(content, []byte(uuidImport), []byte(uuidStub))
		}
	}
	files["go.mod"] = []byte("module " + module + "\n\ngo 1.26\n")
	return files, addStubs(files)
}

// addStubs adds the files of stubs. They end in .txt so that they are no
// sources where they are.
func addStubs(files map[string][]byte) error {
	return fs.WalkDir(stubs, "stubs", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := stubs.ReadFile(name)
		place := strings.TrimSuffix(strings.TrimPrefix(name, "stubs/"), ".txt")
		files[path.Join("pkg", place)] = content
		return err
	})
}

// modfile writes to.mod and to.sum, which are ours with the copy in the place of
// go-app, for "go build -modfile=to.mod". The program holds the path of the copy:
// a relative one is the same wherever it is built.
func modfile(to string) error {
	folder := to
	if !filepath.IsAbs(to) {
		folder = "./" + filepath.ToSlash(to)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if name == "go.mod" {
			content = fmt.Appendf(content, "\nreplace %s => %q\n", module, folder)
		}
		if err := write(to+path.Ext(name), content); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
