package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
)

// TestServesWithTLS: HTTP/2 and 1.1, errors in our own words, the certificate
// replaced while it runs, and who comes without TLS sent there.
func TestServesWithTLS(t *testing.T) {
	folder := t.TempDir()
	made := certstest.Write(t, folder)
	plain := reserve(t)
	b := startBackend(t, "-data", t.TempDir(), "-tls-cert", made.Cert, "-tls-key", made.Key, "-listen-http", plain)
	if !strings.HasPrefix(b.url, "https://127.0.0.1:") {
		t.Fatalf("it says that it listens on %s", b.url)
	}
	client := clientOf(t, made)
	for method, want := range map[string]int{"PUT": 201, "PATCH": 405} {
		if answer := ask(t, client, method, b.url+"/objects/k", "value"); answer.StatusCode != want || answer.ProtoMajor != 2 {
			t.Errorf("%s is answered with %s over %s, want %d over HTTP/2", method, answer.Status, answer.Proto, want)
		}
	}
	if answer := ask(t, client, "GET", b.url+"/objects/k", ""); answer.StatusCode != 200 || answer.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("GET is answered with %s, %v; HSTS is for -domain alone", answer.Status, answer.Header)
	}

	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if answer := ask(t, stay, "GET", "http://"+plain+"/objects/a%2Fb?download", ""); answer.StatusCode != 308 || answer.Header.Get("Location") != b.url+"/objects/a%2Fb?download" {
		t.Errorf("without TLS the answer is %s to %s", answer.Status, answer.Header.Get("Location"))
	}

	later := time.Now().Add(time.Minute)
	renewed := certstest.Write(t, folder)
	for _, file := range []string{renewed.Cert, renewed.Key} {
		if err := os.Chtimes(file, later, later); err != nil {
			t.Fatal(err)
		}
	}
	fresh := clientOf(t, renewed)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		answer, err := fresh.Get(b.url + "/healthz")
		if err == nil {
			_ = answer.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not used: %v", err)
		}
	}
	b.stop()
}

// reserve returns an address that nothing listens on.
func reserve(t *testing.T) string {
	t.Helper()
	l := listenerAt(t)
	defer l.Close()
	return l.Addr().String()
}

func listenerAt(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// clientOf is a client that trusts the certificate, and speaks HTTP/2.
func clientOf(t *testing.T, made certstest.Files) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: made.Pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask sends a request and returns the answer without its body.
func ask(t *testing.T, client *http.Client, method, url, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer
}

// TestFault91_BadTLSDoesNotStart: no fallback to less.
func TestFault91_BadTLSDoesNotStart(t *testing.T) {
	folder := t.TempDir()
	made := certstest.Write(t, folder)
	bad := filepath.Join(folder, "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-tls-cert", bad, "-tls-key", made.Key},
		{"-tls-cert", filepath.Join(folder, "none"), "-tls-key", made.Key},
		{"-trusted-proxies", "ten.example"},
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), append([]string{"-listen", "127.0.0.1:0", "-data", t.TempDir()}, args...), none, strings.NewReader(""), &stdout, &stderr)
		if err == nil || errors.Is(err, errReported) || stdout.Len() > 0 || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v, and it said %q", args, err, stdout.String())
		}
	}
}

// TestFault91_InsecureIsWarnedOf in the log and on every page.
func TestFault91_InsecureIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		args []string
		want bool
	}{{[]string{"-listen", "0.0.0.0:0", "-insecure"}, true}, {nil, false}} {
		b := startBackend(t, append([]string{"-data", t.TempDir()}, c.args...)...)
		b.url = strings.Replace(b.url, "[::]", "127.0.0.1", 1)
		_, loader := b.want(200, "GET", "/app.js", "")
		if got := strings.Contains(loader, `MEMCACHE_EXPOSED: "yes"`); got != c.want {
			t.Errorf("%q: the pages warn: %v, want %v", c.args, got, c.want)
		}
		if got := strings.Contains(b.log.String(), "everyone who can reach"); got != c.want {
			t.Errorf("%q: the log warns: %v, want %v:\n%s", c.args, got, c.want, b.log)
		}
		b.stop()
	}
}
