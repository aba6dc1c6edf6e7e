package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
	"memcache/backend/internal/login"
	"memcache/backend/internal/sqlindex"
	"memcache/cache/policy"
	"memcache/shared/api"
)

var oneTimeLink = regexp.MustCompile(`https?://\S+/login#link=(\S+)`)

// linkIn waits for a one-time link in what the backend says, and returns its secret.
func (b *backend) linkIn() string {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if found := oneTimeLink.FindStringSubmatch(b.said.String()); found != nil {
			return found[1]
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("there is no link in %q", b.said)
		}
	}
}

const password = "correct horse battery"

// enter logs in with JSON, and returns the session's cookie.
func (b *backend) enter(client *http.Client, credentials string, want int) string {
	b.t.Helper()
	answer := ask(b.t, client, "POST", b.url+api.LoginPath, credentials)
	if answer.StatusCode != want {
		b.t.Fatalf("the login is answered with %s, want %d", answer.Status, want)
	}
	cookie, _, _ := strings.Cut(answer.Header.Get("Set-Cookie"), ";")
	return cookie
}

// TestFault91_BeyondThisMachineOneHasToLogIn: over TLS, with the link that the first
// start prints and does not log.
func TestFault91_BeyondThisMachineOneHasToLogIn(t *testing.T) {
	made, data := certstest.Write(t, t.TempDir()), t.TempDir()
	args := []string{"-listen", "0.0.0.0:0", "-data", data, "-tls-cert", made.Cert, "-tls-key", made.Key}
	b := startBackend(t, args...)
	b.url = strings.Replace(b.url, "[::]", "127.0.0.1", 1)
	client := clientOf(t, made)
	for _, path := range []string{"/objects/k", "/api/v1/objects", "/metrics", "/ws"} {
		if answer := ask(t, client, "GET", b.url+path, ""); answer.StatusCode != 401 {
			t.Errorf("GET %s is answered with %s to a stranger", path, answer.Status)
		}
	}
	link := b.linkIn()
	cookie := b.enter(client, `{"link":"`+link+`","password":"`+password+`"}`, 200)
	b.enter(client, `{"link":"`+link+`","password":"`+password+`"}`, 401) // 90
	if log := b.log.String(); strings.Contains(log, link) || strings.Contains(log, password) || strings.Contains(log, cookie) {
		t.Errorf("a secret stands in the log:\n%s", log)
	}
	if log := b.log.String(); !strings.Contains(log, `"msg":"audit","what":"logged in","who":"admin"`) || !strings.Contains(log, `"from":"127.0.0.1"`) {
		t.Errorf("the login is not noted:\n%s", log)
	}
	b.stop()

	b = startBackend(t, args...) // the session has outlived it, and there is no new link
	b.url = strings.Replace(b.url, "[::]", "127.0.0.1", 1)
	r, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/api/v1/objects", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("after a restart the session is answered with %s", answer.Status)
	}

	// A lost password: a command on the machine, while the server runs.
	var said bytes.Buffer
	if err := run(t.Context(), []string{"login", "-data", data}, none, strings.NewReader(""), &said, io.Discard); err != nil {
		t.Fatal(err)
	}
	found := oneTimeLink.FindStringSubmatch(said.String())
	if found == nil {
		t.Fatalf("the command says %q", said.String())
	}
	b.enter(client, `{"link":"`+found[1]+`","password":"another `+password+`"}`, 200)
	b.enter(client, `{"password":"`+password+`","account":"admin"}`, 401)
	b.enter(client, `{"password":"another `+password+`","account":"admin"}`, 200)
	if strings.Contains(b.said.String(), "#link=") {
		t.Errorf("with an account there is a link again: %s", b.said)
	}
	if err := run(t.Context(), []string{"login", "-data", data, "nobody"}, none, strings.NewReader(""), io.Discard, io.Discard); err == nil {
		t.Error("there is a link for an account that nobody has made, with no scope")
	}
	b.stop()
}

// TestFault24_HitsAskWhoItIs: what is in the cache is no quicker way in, without TLS
// either, where the loops in front of net/http would answer.
func TestFault24_HitsAskWhoItIs(t *testing.T) {
	b := startBackend(t, "-data", t.TempDir(), "-login")
	cookie := b.enter(http.DefaultClient, `{"link":"`+b.linkIn()+`","password":"`+password+`"}`, 200)
	for _, c := range []struct {
		method, cookie string
		want           int
	}{{"PUT", cookie, 201}, {"GET", cookie, 200}, {"GET", cookie, 200}, {"GET", "", 401}, {"GET", cookie + "x", 401}, {"GET", cookie, 200}} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, b.url+"/objects/k", strings.NewReader("value"))
		if err != nil {
			t.Fatal(err)
		}
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s with the cookie %q is answered with %s, want %d", c.method, c.cookie, answer.Status, c.want)
		}
	}
	b.stop()
}

// TestFault90_TheJournalGetsNoLink: what systemd keeps is a log.
func TestFault90_TheJournalGetsNoLink(t *testing.T) {
	index, err := sqlindex.Open(t.Context(), sqlindex.Config{SQLitePath: filepath.Join(t.TempDir(), "a.db"), Capacity: 1 << 20, Policy: policy.Default, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	a := &app{log: slog.New(slog.DiscardHandler), keeper: login.New(index, func(*http.Request) string { return "" }), door: door{listener: listenerAt(t)}}
	for journal, want := range map[string]string{"8:12345": `run "memcache-backend login"`, "": "/login#link="} {
		said := a.firstLogin(t.Context(), config{}, func(name string) string { return map[string]string{"JOURNAL_STREAM": journal}[name] })
		if !strings.Contains(said, want) || journal != "" && strings.Contains(said, "#link") {
			t.Errorf("with JOURNAL_STREAM %q it says %q", journal, said)
		}
	}
}

func TestAddressesForPeople(t *testing.T) {
	for _, c := range []struct {
		exposure
		hosts, address, want string
	}{
		{exposure{domain: "files.example.org, b.example.org"}, "", "https://[::]:443", "https://files.example.org"},
		{exposure{domain: "files.example.org"}, "", "https://0.0.0.0:8443", "https://files.example.org:8443"},
		{exposure{proxies: "10.0.0.0/8"}, "files.example.org", "http://10.0.0.7:5000", "https://files.example.org"},
		{exposure{}, "", "https://[::]:5000", "https://localhost:5000"},
		{exposure{}, "", "http://127.0.0.1:5000", "http://127.0.0.1:5000"},
	} {
		if got := (config{exposure: c.exposure, hosts: c.hosts}).publicAddress(c.address); got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
}

// TestCommandsAreNoted: what is done on the machine, beside the server.
func TestCommandsAreNoted(t *testing.T) {
	data := t.TempDir()
	b := startBackend(t, "-data", data, "-login")
	b.linkIn()
	if log := b.log.String(); !strings.Contains(log, `"what":"one-time link made"`) || !strings.Contains(log, `"account":"admin"`) {
		t.Errorf("the link of the first start is not noted:\n%s", log)
	}
	b.stop()
	for want, args := range map[string][]string{
		"one-time link made": {"login", "-data", data},
		"backup written":     {"backup", "-data", data, filepath.Join(t.TempDir(), "b.tar")},
	} {
		var log bytes.Buffer
		if err := run(t.Context(), args, none, strings.NewReader(""), io.Discard, &log); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), `"audit"`) && !strings.Contains(log.String(), "msg=audit") || !strings.Contains(log.String(), want) {
			t.Errorf("%v is noted as %s", args, log.String())
		}
	}
}
