package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeTellsTheLicenceOfEveryDependency holds README's table against the
// licences in the module cache, and knows the licence of every module in the programs.
func TestReadmeTellsTheLicenceOfEveryDependency(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(string(readFile(t, filepath.Join(source, "README.md"))), "## Dependencies")
	direct := modules(t, "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}\t{{.Dir}}{{end}}", "all")
	if len(direct) < 20 {
		t.Fatalf("go list finds the modules %v alone", direct)
	}
	for module, dir := range direct {
		if dir == "" {
			continue // not downloaded here: nothing that is built needs it
		}
		row := moduleRow(table, strings.TrimPrefix(module, "github.com/"))
		if want := licence(t, dir); len(row) != 5 || strings.TrimSpace(row[3]) != want {
			t.Errorf("README has the row %q for %s, whose licence is %s", row, module, want)
		}
	}
	for module, dir := range modules(t, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./backend", "./cache") {
		if licence(t, dir) == "" {
			t.Errorf("the licence of %s is none of those known here: see %s", module, dir)
		}
	}
}

// modules returns the folders of the modules that go tells.
func modules(t *testing.T, args ...string) map[string]string {
	t.Helper()
	list := exec.Command("go", args...)
	list.Dir = source
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			found[module] = dir
		} else if module != "" {
			found[module] = ""
		}
	}
	return found
}

// moduleRow returns the cells of the table's row whose first names a module; the first
// and the last cell are what is outside of the bars.
func moduleRow(table, module string) []string {
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for name := range strings.FieldsFuncSeq(cells[1], func(r rune) bool { return strings.ContainsRune(" ,()", r) }) {
			if name == module {
				return cells
			}
		}
	}
	return nil
}

// licence names the licences in a module's folder by what only their texts say; ""
// if it is none of these.
func licence(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICEN[CS]E*"))
	if err != nil || len(files) == 0 {
		return ""
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(content)), " ")
	var names []string
	for _, l := range []struct{ name, says string }{
		{"Apache-2.0", "Apache License Version 2.0"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
		{"ISC", "this software for any purpose with or without fee is hereby granted"},
		{"BSD", "Redistributions in binary form must reproduce the above copyright"}, // with two clauses or three
	} {
		if strings.Contains(text, l.says) {
			names = append(names, l.name)
		}
	}
	return strings.Join(names, ", ")
}
