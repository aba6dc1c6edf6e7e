// Package release tells which build of MemCache a program is.
package release

import (
	"cmp"
	"fmt"
	"runtime"
)

// version and commit are set by the linker: see build.sh.
var version, commit string

// Version is that of this build; "devel" where the build was not told.
func Version() string { return cmp.Or(version, "devel") }

// Text is what a program answers to -version.
func Text(program string) string {
	return fmt.Sprintf("%s %s (commit %s, %s)", program, Version(), cmp.Or(commit, "unknown"), runtime.Version())
}
