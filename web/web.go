// Package web holds what the browser gets: the style sheets, the icons, the
// texts in other languages than English, the loader, the service worker, the
// manifest, and the user interface itself as a WebAssembly program.
//
// The program is not kept in the repository: ./build.sh puts [Built] beside
// this file, and the backend is built after that with all of it inside. A
// backend built without them works too, and tells whoever opens it in a browser
// what to run; [Missing] is how it knows.
package web

import (
	"embed"
	"io/fs"
)

// The patterns match without the build outputs as well, because each of them
// matches a file that is always there.
//
//go:embed *.js *.css *.webmanifest *.txt app* lab* css icons lang
var files embed.FS

// Files returns the static files, by their path below this folder.
func Files() fs.FS { return files }

// Built are the files that ./build.sh makes: the program and that of the lab's
// workers, each compressed in two ways beside it, and the Go runtime's JavaScript
// that starts them.
var Built = []string{"app.wasm", "app.wasm.br", "app.wasm.gz", "lab.wasm", "lab.wasm.br", "lab.wasm.gz", "wasm_exec.js"}

// Missing returns which of the [Built] files are not in files or are empty.
func Missing(files fs.FS) []string {
	var missing []string
	for _, name := range Built {
		if info, err := fs.Stat(files, name); err != nil || info.Size() == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}
