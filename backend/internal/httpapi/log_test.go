package httpapi

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
)

// ask gives the handler a request by hand, so that it has been logged on return.
func (w *world) ask(method, target, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost"
	got := httptest.NewRecorder()
	w.Config.Handler.ServeHTTP(got, r)
	return got
}

// lines empties the log and returns what was in it.
func lines(log *bytes.Buffer) []string {
	defer log.Reset()
	return strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
}

// asJSON makes log the server's, as it is where no terminal is.
func asJSON(log *bytes.Buffer, level slog.Level) func(*Config) {
	return func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})) }
}

func TestOneLogLineARequest(t *testing.T) {
	var log bytes.Buffer
	w := start(t, asJSON(&log, slog.LevelInfo))
	for _, c := range []struct {
		method, target, body string
		status               int
		route, cache         string
	}{
		{"PUT", "/objects/a%20b", "hello", 201, "/objects/", ""},
		{"GET", "/objects/a%20b", "", 200, "/objects/", `MemCache; fwd=bypass; detail="no-cache"`},
		{"GET", "/objects?key=none", "", 404, "/objects", ""},
		{"GET", "/api/v1/objects", "", 200, "/api/v1/objects", ""},
		{"BREW", "/api/v1/cache", "", 405, "/api/v1/cache", ""},
		{"GET", "/no/such/page", "", 404, "page", ""},
		{"DELETE", "/objects/a%20b", "", 204, "/objects/", ""},
	} {
		got := w.ask(c.method, c.target, c.body)
		told := lines(&log)
		if len(told) != 1 {
			t.Fatalf("%s %s: the lines %q", c.method, c.target, told)
		}
		var line struct {
			Msg, ID, Method, Route, Cache string
			Status                        int
			Bytes                         int
			Took                          float64 `json:"took_ms"`
		}
		must(t, json.Unmarshal([]byte(told[0]), &line))
		if line.Msg != "request" || len(line.ID) != 16 || line.Method != c.method || line.Route != c.route || line.Cache != c.cache ||
			line.Status != c.status || got.Code != c.status || line.Bytes != got.Body.Len() || line.Took <= 0 {
			t.Errorf("%s %s: status %d with %d bytes is logged as %s", c.method, c.target, got.Code, got.Body.Len(), told[0])
		}
		if strings.HasPrefix(got.Header().Get("Content-Type"), "application/problem") && !strings.Contains(got.Body.String(), line.ID) {
			t.Errorf("%s %s: the reply does not have the id %s: %s", c.method, c.target, line.ID, got.Body)
		}
	}
}

// TestFault05_NoTextOfAClientBreaksTheLog: whatever a client sends, a line stays
// a line, and a terminal gets no control characters.
func TestFault05_NoTextOfAClientBreaksTheLog(t *testing.T) {
	const evil = "\r\nlevel=ERROR msg=forged\x1b[2J\x00\u202e\xff"
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"JSON": func(b *bytes.Buffer) slog.Handler {
			return slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"text": func(b *bytes.Buffer) slog.Handler {
			return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		var log bytes.Buffer
		w := start(t, func(c *Config) { c.Log = slog.New(handler(&log)) })
		asked := 0
		for _, target := range []string{"/objects/" + percent(evil), "/objects?key=" + percent(evil), "/api/key/" + percent(evil), "/" + percent(evil)} {
			for _, method := range []string{"GET", "PUT", "POST", "BREW"} {
				w.ask(method, target, evil)
				asked++
			}
		}
		w.ask("POST", "/api/v1/objects/delete", `{"keys":["\r\nforged"]}`)
		w.ask("POST", "/api/v1/objects/rename", `{"from":"\u0000\r\n","to":"x"}`)
		told := lines(&log)
		if len(told) != asked+2 {
			t.Errorf("%s: %d requests are %d lines: %q", name, asked+2, len(told), told)
		}
		for _, line := range told {
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) || strings.HasPrefix(line, "level") {
				t.Errorf("%s: the line %q", name, line)
			}
		}
	}
}
