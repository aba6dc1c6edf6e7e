package pages

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
	"go.uber.org/goleak"

	"memcache/backend/internal/pages/testdata/ui"
	"memcache/web"
)

func TestMain(m *testing.M) {
	registerTestPages()
	goleak.VerifyTestMain(m)
}

// registerTestPages makes the pages those of the tests. go-app has one set for all
// of the process: who needs other pages calls it afterwards.
func registerTestPages() { ui.Register() }

// staticFiles returns a copy of web's files without what ./build.sh makes.
func staticFiles(t testing.TB) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(web.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Files(), name)
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range web.Built {
		delete(files, name)
	}
	files["css/app.css"] = &fstest.MapFile{Data: []byte("body { margin: 2rem }")}
	return files
}

// builtFiles returns web's files with fakeProgram in place of the user
// interface.
func builtFiles(t *testing.T) fstest.MapFS { return withProgram(t, packed(fakeProgram)) }

// liveFiles returns web's files with the user interface in testdata, which runs.
func liveFiles(t testing.TB) fstest.MapFS {
	t.Helper()
	p, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return withProgram(t, p)
}

// built is the program and its compressed forms.
type built struct{ raw, br, gz []byte }

func packed(program []byte) built {
	var br, gz bytes.Buffer
	b := brotli.NewWriterLevel(&br, brotli.BestSpeed)
	g, _ := gzip.NewWriterLevel(&gz, gzip.BestSpeed)
	_, err1 := b.Write(program)
	_, err2 := g.Write(program)
	if err := errors.Join(err1, err2, b.Close(), g.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return built{raw: program, br: br.Bytes(), gz: gz.Bytes()}
}

func withProgram(t testing.TB, p built) fstest.MapFS {
	t.Helper()
	runtimeJS, err := wasmExec()
	if err != nil {
		t.Fatal(err)
	}
	files := staticFiles(t)
	for name, content := range map[string][]byte{
		"app.wasm": p.raw, "app.wasm.br": p.br, "app.wasm.gz": p.gz, "wasm_exec.js": runtimeJS,
		"lab.wasm": p.raw, "lab.wasm.br": p.br, "lab.wasm.gz": p.gz,
	} {
		files[name] = &fstest.MapFile{Data: content}
	}
	return files
}

// wasmExec is the Go runtime's JavaScript, of the Go that compiles the program.
var wasmExec = sync.OnceValues(func() ([]byte, error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for its folder: %w", err)
	}
	return os.ReadFile(filepath.Join(string(bytes.TrimSpace(goroot)), "lib", "wasm", "wasm_exec.js"))
})

// compiled is the user interface in testdata, compiled once for all tests.
var compiled = sync.OnceValues(func() (built, error) {
	dir, err := os.MkdirTemp("", "pages-test-")
	if err != nil {
		return built{}, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "app.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/app")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return built{}, fmt.Errorf("compile testdata/app: %w\n%s", err, text)
	}
	program, err := os.ReadFile(out)
	return packed(program), err
})

func mustHandler(t testing.TB, c Config, files fs.FS) *handler {
	t.Helper()
	h, err := newHandler(c, files)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks h for path; the headers are given as name, value, name, value …
func get(h *handler, path string, headers ...string) *httptest.ResponseRecorder {
	return request(h, "GET", path, headers...)
}

func request(h *handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
