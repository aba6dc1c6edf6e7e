package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func pack(t *testing.T, path string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(path, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func unpacked(t *testing.T, f format, path string) string {
	t.Helper()
	packed, err := os.ReadFile(path + f.suffix)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.unpack(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPacksAndLeavesCurrentFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.wasm")
	for _, content := range []string{"first", strings.Repeat("second, longer ", 1000), "second"} {
		write(t, path, content)
		if out := pack(t, path); strings.Contains(out, "up to date") {
			t.Errorf("after a change the report says %q", out)
		}
		for _, f := range formats {
			if got := unpacked(t, f, path); got != content {
				t.Errorf("%s unpacks to %.40q, want %.40q", f.suffix, got, content)
			}
		}
		if out := pack(t, path); strings.Count(out, "up to date") != len(formats) {
			t.Errorf("without a change the report says %q", out)
		}
	}
	if left, _ := filepath.Glob(path + ".tmp-*"); len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}

func TestReplacesDamagedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.wasm")
	write(t, path, "the program")
	pack(t, path)
	for _, f := range formats {
		write(t, path+f.suffix, "not compressed at all")
		pack(t, path)
		if got := unpacked(t, f, path); got != "the program" {
			t.Errorf("%s unpacks to %q after it was damaged", f.suffix, got)
		}
	}
}

func TestRefusesMissingAndEmptyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.wasm")
	if err := run(path, io.Discard); err == nil {
		t.Error("a missing file is accepted")
	}
	write(t, path, "")
	if err := run(path, io.Discard); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty file gives %v", err)
	}
}
