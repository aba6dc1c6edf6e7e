package pages

import (
	"bytes"
	"compress/gzip"
	"errors"
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
	ui.Register()
	goleak.VerifyTestMain(m)
}

// staticFiles returns a copy of web's files without what ./build.sh makes.
func staticFiles(t *testing.T) fstest.MapFS {
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

// builtFiles returns web's files with program in place of the user interface.
func builtFiles(t *testing.T, program []byte) fstest.MapFS {
	t.Helper()
	files := staticFiles(t)
	var br, gz bytes.Buffer
	b := brotli.NewWriterLevel(&br, brotli.BestSpeed)
	g := gzip.NewWriter(&gz)
	_, err1 := b.Write(program)
	_, err2 := g.Write(program)
	if err := errors.Join(err1, err2, b.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	runtimeJS, err := os.ReadFile(filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"app.wasm": program, "app.wasm.br": br.Bytes(), "app.wasm.gz": gz.Bytes(), "wasm_exec.js": runtimeJS,
	} {
		files[name] = &fstest.MapFile{Data: content}
	}
	return files
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("ask go for its folder: %v", err)
	}
	return string(bytes.TrimSpace(out))
}

// program returns the user interface in testdata, compiled once for all tests.
func program(t *testing.T) []byte {
	t.Helper()
	p, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pages-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "app.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/app")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New("compile testdata/app: " + err.Error() + "\n" + string(text))
	}
	return os.ReadFile(out)
})

func mustHandler(t *testing.T, c Config, files fs.FS) *handler {
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
