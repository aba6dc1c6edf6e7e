package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"path"
	"slices"
	"strings"
)

// atRoot are the files that are served at an address of their own, where
// browsers, crawlers or go-app look for them. All others are below /web/.
var atRoot = map[string]string{
	"app.css":              "/app.css",
	"app.js":               "/app.js",
	"app-worker.js":        "/app-worker.js",
	"wasm_exec.js":         "/wasm_exec.js",
	"manifest.webmanifest": "/manifest.webmanifest",
	"robots.txt":           "/robots.txt",
}

const (
	programPath = "/web/app.wasm"
	programType = "application/wasm"
	workerPath  = "/app-worker.js"
	loaderPath  = "/app.js"
	faviconPath = "/favicon.ico"
	faviconFile = "icons/favicon-32.png"
)

// contentTypes are those of the kinds of files that web holds.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".json":        "application/json",
	".js":          "text/javascript; charset=utf-8",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        programType,
	".webmanifest": "application/manifest+json",
}

// makeAssets returns the replies by their path: the files, and when the user
// interface is built, its pages.
func makeAssets(c Config, files fs.FS, built bool) (map[string]*asset, error) {
	assets := make(map[string]*asset)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return addFile(assets, c, files, name)
	})
	if err != nil {
		return nil, fmt.Errorf("read the files of the user interface: %w", err)
	}
	if !built {
		delete(assets, workerPath) // it has nothing to install
		return assets, nil
	}
	if err := addPages(assets, c); err != nil {
		return nil, err
	}
	addWorker(assets)
	return assets, nil
}

// addFile adds the file called name in web, unless it is one of those that are
// not served by themselves.
func addFile(assets map[string]*asset, c Config, files fs.FS, name string) error {
	kind := contentTypes[path.Ext(name)]
	if kind == "" {
		return nil // the compressed forms of a program, or no web file at all
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	address, ok := atRoot[name]
	if !ok {
		address = "/web/" + name
	}
	switch {
	case kind == programType:
		assets[address] = programAsset(files, name, content)
	case address == loaderPath:
		assets[address] = newText(kind, fill(fill(fill(content, "version", c.version()), "exposed", told(c.Exposed)), "login", told(c.Login)))
	case isText(kind):
		assets[address] = newText(kind, content)
	default:
		assets[address] = newAsset(kind, content)
	}
	if name == faviconFile {
		assets[faviconPath] = assets[address]
	}
	return nil
}

// programAsset returns a program with its compressed forms, which were made
// when it was built.
func programAsset(files fs.FS, name string, content []byte) *asset {
	var compressed []form
	for _, f := range []form{{encoding: "br"}, {encoding: "gzip"}} {
		suffix := map[string]string{"br": ".br", "gzip": ".gz"}[f.encoding]
		body, err := fs.ReadFile(files, name+suffix)
		if err == nil && len(body) > 0 {
			compressed = append(compressed, form{encoding: f.encoding, body: body})
		}
	}
	a := newAsset(programType, content, compressed...)
	a.rawLength = true
	return a
}

func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "json"))
}

// addWorker completes the service worker: it gets the list of all that this
// version consists of, and a name for it. Both depend on nothing but the
// content, so that several servers of one version agree on them.
func addWorker(assets map[string]*asset) {
	hashes := make(map[string]string)
	sum := sha256.New()
	for _, address := range slices.Sorted(maps.Keys(assets)) {
		fmt.Fprintf(sum, "%s %s\n", address, assets[address].hash)
		if address != workerPath && address != "/robots.txt" {
			hashes[address] = assets[address].hash
		}
	}
	list, _ := json.Marshal(hashes) // strings never fail
	worker := assets[workerPath]
	content := fill(worker.plain(), "version", hex.EncodeToString(sum.Sum(nil)[:8]))
	assets[workerPath] = newText(worker.contentType, fill(content, "assets", string(list)))
}

// fill writes value for {{name}} in content. The values are of our own making:
// none needs escaping in JavaScript.
func fill(content []byte, name, value string) []byte {
	return []byte(strings.ReplaceAll(string(content), "{{"+name+"}}", value))
}
