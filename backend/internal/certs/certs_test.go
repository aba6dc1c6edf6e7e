package certs

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
)

func TestFilesThatChangeAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	made := certstest.Write(t, folder)
	var log bytes.Buffer
	source, err := FromFiles(made.Cert, made.Key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	f := source.(*files)
	now := time.Now()
	get := func() string {
		now = now.Add(lookEvery)
		return string(f.get(now).Certificate[0])
	}
	first := get()

	// The second pair comes in two steps, of which the first leaves files that do not
	// belong together.
	other := certstest.Write(t, t.TempDir())
	move(t, other.Cert, made.Cert)
	if get() != first || !strings.Contains(log.String(), "the new TLS certificate is not used") {
		t.Errorf("while the key is missing, the certificate is not the old one; the log: %s", log.String())
	}
	move(t, other.Key, made.Key)
	second := get()
	if second == first {
		t.Error("the new certificate is not used")
	}
	if err := os.Remove(made.Cert); err != nil {
		t.Fatal(err)
	}
	if get() != second {
		t.Error("without its file, the certificate is another")
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	later := time.Now().Add(time.Minute) // than the file that is replaced, however coarse the clock
	if err := os.Chtimes(from, later, later); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatAreNoCertificateAreRefused(t *testing.T) {
	made := certstest.Write(t, t.TempDir())
	for _, c := range [][2]string{{"/none", made.Key}, {made.Cert, "/none"}, {made.Key, made.Cert}, {made.Cert, certstest.Write(t, t.TempDir()).Key}} {
		if _, err := FromFiles(c[0], c[1], slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "-tls-") {
			t.Errorf("%q: %v", c, err)
		}
	}
}
