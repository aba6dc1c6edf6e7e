package front

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// parse returns the request that b holds; nil when b is not exactly one plain
// GET. In doubt it is nil: net/http then has the word.
func parse(b []byte) *http.Request {
	if !bytes.HasPrefix(b, []byte("GET /")) || !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		return nil
	}
	text := string(b[len("GET ") : len(b)-len("\r\n")])
	line, rest, _ := strings.Cut(text, "\r\n")
	target, ok := strings.CutSuffix(line, " HTTP/1.1")
	if !ok || !visible(target) {
		return nil
	}
	header, host, ok := parseHeader(rest)
	if !ok {
		return nil
	}
	address, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	return &http.Request{
		Method: http.MethodGet, URL: address, RequestURI: target, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
}

// visible tells whether s is ASCII without spaces.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// parseHeader splits lines into a header; there is one Host among them.
func parseHeader(lines string) (header http.Header, host string, ok bool) {
	header = make(http.Header)
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, colon := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !colon || !token(name) || !printable(value) {
			return nil, "", false
		}
		switch name = textproto.CanonicalMIMEHeaderKey(name); name {
		case "Host":
			if host != "" || !plainHost(value) {
				return nil, "", false
			}
			host = value
			continue
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return nil, "", false
			}
		case "Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "Trailer", "Te", "Keep-Alive", "Proxy-Connection", "Pragma", "Http2-Settings":
			return nil, "", false // of the connection, or with a meaning of its own to net/http
		}
		header[name] = append(header[name], value)
	}
	return header, host, host != ""
}

// token tells whether name is letters, digits, "-" and "_": fewer than a name
// may have.
func token(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '-' && c != '_' && !alphanumeric(c) {
			return false
		}
	}
	return name != ""
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// printable tells whether value has no control characters.
func printable(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return false
		}
	}
	return true
}

// plainHost tells whether host is one without anything unusual in it.
func plainHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !alphanumeric(c) && c != '.' && c != ':' && c != '-' && c != '[' && c != ']' {
			return false
		}
	}
	return host != ""
}
