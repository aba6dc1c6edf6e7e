package ui

import (
	"strconv"
	"strings"
)

// provenance is where the bytes of a reply came from and how long that took.
type provenance struct {
	Known   bool // the reply said so
	Hit     bool // from the cache's memory
	Waited  bool // a hit, after waiting for another reader who filled the cache
	Forward string
	Stored  bool // a copy is in memory now
	Detail  string
	Steps   []step
	Trip    float64 // milliseconds in the browser, from asking to the reply's head
	Kept    int64   // when the browser kept this copy, which it gives without a server; else 0
}

// step is one part of the work, in milliseconds.
type step struct {
	Name string
	Ms   float64
}

// parseProvenance reads the headers Cache-Status (RFC 9211; the cache nearest
// to us is the last one) and Server-Timing.
func parseProvenance(cacheStatus, serverTiming string) provenance {
	var p provenance
	if entries := splitOutside(cacheStatus, ','); len(entries) > 0 {
		p.readStatus(entries[len(entries)-1])
	}
	for _, entry := range splitOutside(serverTiming, ',') {
		if s, ok := parseStep(entry); ok {
			p.Steps = append(p.Steps, s)
		}
	}
	return p
}

func (p *provenance) readStatus(entry string) {
	_, params := item(entry)
	for _, part := range params {
		name, value, _ := strings.Cut(part, "=")
		value = unquote(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "hit":
			p.Known, p.Hit = true, value != "?0"
		case "collapsed":
			p.Waited = value != "?0"
		case "fwd":
			p.Known, p.Forward = true, value
		case "stored":
			p.Stored = value != "?0"
		case "detail":
			p.Detail = value
		}
	}
}

func parseStep(entry string) (step, bool) {
	name, params := item(entry)
	s, ok := step{Name: name}, false
	for _, part := range params {
		name, value, _ := strings.Cut(part, "=")
		value = unquote(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "dur":
			ms, err := strconv.ParseFloat(value, 64)
			s.Ms, ok = ms, err == nil && ms >= 0
		case "desc":
			if value != "" {
				s.Name = value
			}
		}
	}
	return s, ok
}

// item divides an entry of a header into its name and its parameters.
func item(entry string) (name string, params []string) {
	parts := splitOutside(entry, ';')
	if len(parts) == 0 {
		return "", nil
	}
	return parts[0], parts[1:]
}

// splitOutside splits s at sep where that is not between quotation marks, and
// trims the parts. Nothing gives no parts.
func splitOutside(s string, sep byte) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var parts []string
	inside, begin := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && inside:
			i++
		case s[i] == '"':
			inside = !inside
		case s[i] == sep && !inside:
			parts = append(parts, strings.TrimSpace(s[begin:i]))
			begin = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[begin:]))
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}

// total is the server's own time: the step called total, else all of them.
func (p provenance) total() (float64, bool) {
	sum := 0.0
	for _, s := range p.Steps {
		if strings.EqualFold(s.Name, "total") {
			return s.Ms, true
		}
		sum += s.Ms
	}
	return sum, len(p.Steps) > 0
}

// headline says it in a few words: "from memory in 0.8 ms".
func (p provenance) headline() string {
	if p.Kept != 0 {
		return t("from this browser")
	}
	ms, ok := p.total()
	if !ok {
		ms = p.Trip
	}
	switch {
	case !p.Known:
		return tf("source not known in %s", millis(ms))
	case p.Hit:
		return tf("from memory in %s", millis(ms))
	}
	return tf("from disk in %s", millis(ms))
}

// forwarded explains the value of fwd; "" for one that is not known.
func forwarded(fwd string) string {
	switch fwd {
	case "miss", "uri-miss":
		return t("it was not in memory")
	case "stale":
		return t("the copy in memory was too old")
	case "partial":
		return t("only a part was in memory")
	case "request":
		return t("the request asked for it")
	case "method":
		return t("such a request is not cached")
	}
	return ""
}

// detailed explains the value of detail, in its own words where it is not known.
func detailed(detail string) string {
	switch detail {
	case "no-cache":
		return t("there is no cache")
	case "cache-down":
		return t("the cache does not answer")
	case "cache-distrust":
		return t("the cache may hold old versions and is being emptied")
	case "too-large":
		return t("it is larger than the cache takes")
	case "no-memory":
		return t("too many others are being read")
	case "being-written":
		return t("it is being written")
	case "fill-timeout":
		return t("the other reader took too long")
	case "could-not-cache":
		return t("the other reader could not cache it")
	}
	return strings.ReplaceAll(detail, "-", " ")
}

// stepName is what the page calls a step of the server.
func stepName(name string) string {
	switch name {
	case "cache":
		return t("Cache")
	case "database":
		return t("Database")
	case "blob":
		return t("File")
	}
	return capital(name)
}

// source names where the bytes came from: hit, collapsed, miss or bypass.
func (p provenance) source() string {
	switch {
	case p.Hit && p.Waited:
		return "collapsed"
	case p.Hit:
		return "hit"
	case p.Forward == "bypass":
		return "bypass"
	}
	return "miss"
}

// why explains the headline in a sentence.
func (p provenance) why() string {
	switch {
	case p.Kept != 0:
		return tf("The server is not answering. This copy was kept at %s.", exactTime(p.Kept))
	case !p.Known:
		return t("The reply did not say where it came from.")
	case p.Hit && p.Waited:
		return t("A collapsed hit: another reader was just reading the object, and this one waited for its copy in memory.")
	case p.Hit:
		return t("A hit: the bytes were in the cache's memory.")
	}
	text := t("A miss")
	if p.Forward == "bypass" {
		text = t("Read past the cache")
	}
	if why := forwarded(p.Forward); why != "" {
		text += ": " + why
	}
	if p.Detail != "" {
		text += " (" + detailed(p.Detail) + ")"
	}
	if p.Stored {
		return text + ". " + t("A copy is in memory now.")
	}
	return text + "."
}
