package ui

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"memcache/cache/policy"
)

var update = flag.Bool("update", false, "rewrite web/lang: sorted, without what is not used any more, and with an empty text where one is missing")

const languages = "../../web/lang"

func TestEveryTextIsInEveryLanguage(t *testing.T) {
	used, errors := usedTexts(t), errorFormats(t, "../../shared/api/*.go", "../link/*.go", "../../backend/*.go", "../../backend/internal/*/*.go")
	all := slices.Sorted(slices.Values(slices.Concat(used, errors)))
	files, err := filepath.Glob(filepath.Join(languages, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalogues in %s (%v)", languages, err)
	}
	defer func() {
		if t.Failed() {
			t.Log("go test ./frontend-wasm/ui -run EveryText -update adds the lines that are missing, to be filled in, and removes those that are not used")
		}
	}()
	for _, file := range files {
		if *update {
			rewrite(t, file, all)
		}
		texts := readCatalogue(t, file)
		for _, text := range all {
			switch translated := texts[text]; {
			case translated == "":
				t.Errorf("%s lacks %q", filepath.Base(file), text)
			case !slices.Equal(placeholders(text), placeholders(translated)):
				t.Errorf("%s: the placeholders of %q are not those of %q", filepath.Base(file), translated, text)
			}
		}
		for text := range texts {
			if !slices.Contains(all, text) {
				t.Errorf("%s has %q, which no source uses any more", filepath.Base(file), text)
			}
		}
	}
}

// usedTexts returns the texts in the package's sources, for the browser too,
// sorted.
func usedTexts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "text.go" {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			for _, arg := range textArguments(n) {
				text, ok := literal(arg)
				if !ok {
					t.Errorf("%s: the text given to t, tf or tn is no literal, so that no test can find it", file)
				}
				used[text] = true
			}
			return true
		})
	}
	for _, p := range policy.Infos() {
		used[p.About] = true
	}
	return slices.Sorted(maps.Keys(used))
}

// errorFormats returns the formats of the errors that the sources have for people.
func errorFormats(t *testing.T, patterns ...string) []string {
	t.Helper()
	formats := map[string]bool{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources at %s (%v)", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && isErrorf(call.Fun, tree.Name.Name) {
					format, ok := literal(call.Args[1])
					if !ok {
						t.Errorf("%s: a format given to api.Errorf is no literal, so that no test can find it", file)
					}
					formats[format] = true
				}
				return true
			})
		}
	}
	return slices.Collect(maps.Keys(formats))
}

// isErrorf tells whether f, in a file of that package, is api.Errorf.
func isErrorf(f ast.Expr, pkg string) bool {
	if s, ok := f.(*ast.SelectorExpr); ok {
		of, ok := s.X.(*ast.Ident)
		return ok && of.Name == "api" && s.Sel.Name == "Errorf"
	}
	name, ok := f.(*ast.Ident)
	return ok && name.Name == "Errorf" && pkg == "api"
}

// textArguments returns the texts of n if it is a call of t, tf or tn.
func textArguments(n ast.Node) []ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	name, ok := call.Fun.(*ast.Ident)
	switch {
	case !ok:
	case (name.Name == "t" || name.Name == "tf") && len(call.Args) > 0:
		return call.Args[:1]
	case name.Name == "tn" && len(call.Args) == 3:
		return call.Args[1:]
	}
	return nil
}

// literal returns the value of a string literal, or of several added up.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, ok && ok2 && e.Op == token.ADD
	}
	return "", false
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+#0]*\d*(?:\.\d+)?[a-zA-Z]|%%`)

// placeholders returns the verbs of a format in the order of their arguments.
func placeholders(format string) []string {
	var numbered []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[0] == "%%" {
			continue
		}
		index := m[1]
		if index == "" {
			index = "[" + strconv.Itoa(next) + "]"
			next++
		}
		numbered = append(numbered, index+strings.Replace(m[0], m[1], "", 1))
	}
	slices.Sort(numbered)
	return numbered
}

func readCatalogue(t *testing.T, file string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return texts
}

func rewrite(t *testing.T, file string, used []string) {
	t.Helper()
	old, texts := readCatalogue(t, file), make(map[string]string)
	for _, text := range used {
		texts[text] = old[text]
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(texts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPlaceholdersMayChangePlaces(t *testing.T) {
	if !slices.Equal(placeholders("100 %% %s of %d"), placeholders("%[2]d: %[1]s %%")) {
		t.Error("named placeholders are taken for others")
	}
	for _, wrong := range []string{"%s", "%s %s", "%d of %s", "%s of %d and %d"} {
		if slices.Equal(placeholders("%s of %d"), placeholders(wrong)) {
			t.Errorf("%q passes for a translation of %q", wrong, "%s of %d")
		}
	}
}

func TestTextsInAnotherLanguage(test *testing.T) {
	test.Cleanup(func() { _ = setCatalogue("") })
	if err := setCatalogue(`{"Cache": "Zwischenspeicher", "%s of %s": "von %[2]s: %[1]s", "%s file": "%s Datei", "%s files": "%s Dateien"}`); err != nil {
		test.Fatal(err)
	}
	for got, want := range map[string]string{
		t("Cache"): "Zwischenspeicher", t("Untold"): "Untold", tf("%s of %s", "1", "2"): "von 2: 1",
		tn(1, "%s file", "%s files"): "1 Datei", tn(0, "%s file", "%s files"): "0 Dateien",
	} {
		if got != want {
			test.Errorf("got %q, want %q", got, want)
		}
	}
	if err := setCatalogue("no JSON"); err == nil || t("Cache") != "Zwischenspeicher" {
		test.Errorf("a broken catalogue is taken (%v)", err)
	}
	if err := setCatalogue(""); err != nil || t("Cache") != "Cache" {
		test.Errorf("there is no way back to English (%v)", err)
	}
}
