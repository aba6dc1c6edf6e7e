package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal of its own, and its other end.
func terminal(t *testing.T) (end, tty *os.File) {
	t.Helper()
	end, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals:", err)
	}
	t.Cleanup(func() { _ = end.Close() })
	if err := unix.IoctlSetPointerInt(int(end.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(end.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return end, tty
}

func TestLogIsTextOnATerminalAndJSONElsewhere(t *testing.T) {
	end, tty := terminal(t)
	newLog(tty, slog.LevelInfo).Info("hello", "key", "a\nb")
	line, err := bufio.NewReader(end).ReadString('\n')
	if err != nil || !strings.Contains(line, `level=INFO msg=hello key="a\nb"`) {
		t.Errorf("on a terminal: %q, %v", line, err)
	}
	var plain bytes.Buffer
	log := newLog(&plain, slog.LevelWarn)
	log.Info("not this")
	log.Warn("hello", "key", "a\nb")
	var record struct{ Level, Msg, Key string }
	if err := json.Unmarshal(plain.Bytes(), &record); err != nil || record.Level != "WARN" || record.Msg != "hello" || record.Key != "a\nb" {
		t.Errorf("elsewhere: %q, %v", plain.String(), err)
	}
}

// TestFault92_NoSecretIsTold: the password of the database is in no log line and no
// reply, whichever way it is written; and there are no profiles, which would tell of
// memory.
func TestFault92_NoSecretIsTold(t *testing.T) {
	const password, encoded = "s3cr@t/word", "s3cr%40t%2Fword"
	b := startBackend(t, "-data", t.TempDir(), "-log-level", "debug", "-database", "mysql://user:"+encoded+"@127.0.0.1:1/none")
	var told strings.Builder
	for _, path := range []string{"/readyz", "/metrics", "/api/v1/cache", "/api/v1/stats", "/api/v1/objects", "/objects/k", "/healthz", "/api/v1/security", "/api/v1/openapi.json", "/api/v1/insight"} {
		answer, body := b.do(http.MethodGet, path, "")
		_ = answer.Header.Write(&told)
		told.WriteString(body)
	}
	b.want(http.StatusServiceUnavailable, http.MethodPut, "/objects/k", "x")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars"} {
		b.want(http.StatusNotFound, http.MethodGet, path, "")
	}
	b.stop()
	told.WriteString(b.log.String())
	if !strings.Contains(told.String(), "127.0.0.1:1") {
		t.Errorf("nothing is told of the database that does not answer:\n%s", told.String())
	}
	for _, secret := range []string{password, encoded, "s3cr"} {
		if strings.Contains(told.String(), secret) {
			t.Errorf("%q is told:\n%s", secret, told.String())
		}
	}
}
