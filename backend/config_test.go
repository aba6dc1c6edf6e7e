package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"
)

func none(string) string { return "" }

func TestFlagsComeBeforeTheEnvironment(t *testing.T) {
	env := map[string]string{"MEMCACHE_LISTEN": "127.0.0.1:6000", "MEMCACHE_MAX_OBJECT": "5m", "MEMCACHE_COURSE_API": "2"}
	c, err := parseConfig([]string{"-listen", "127.0.0.1:7000"}, func(name string) string { return env[name] }, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if c.listen != "127.0.0.1:7000" || c.maxObject != 5<<20 || c.courseAPI != 2 || c.data != "data" {
		t.Errorf("got %+v", c)
	}
	env["MEMCACHE_MAX_OBJECT"] = "large"
	if _, err := parseConfig(nil, func(name string) string { return env[name] }, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "MEMCACHE_MAX_OBJECT") {
		t.Errorf("a bad variable gives %v, want its name", err)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-listen 5000":             "host:port",
		"-listen 127.0.0.1:x":      "port",
		"-listen 0.0.0.0:5000":     "-insecure", // 91
		"-listen :5000":            "-insecure",
		"-listen example.org:5000": "-insecure",
		"-data=":                   "-data",
		"-tls-cert a":              "-tls-key",
		"-tls-key a":               "-tls-cert",
		"-tls-cert a -tls-key b -domain c -insecure": "-domain",
		"-acme https://ca":                           "-domain",
		"-listen-http :80":                           "-tls-cert",
		"-listen 0.0.0.0:1 -login -insecure":         "-tls-cert",
		"-tls-cert a -tls-key b -listen-http 80":     "-listen-http",
		"-course-api 3":                              "1 or 2",
		"-capacity 0":                                "-capacity",
		"-max-object 0":                              "-max-object",
		"-max-uploads 0":                             "-max-uploads",
		"-rate -1":                                   "-rate",
		"-header-timeout 0s":                         "-header-timeout",
		"-stall-timeout 10ms":                        "-stall-timeout",
		"-idle-timeout soon":                         "-idle-timeout",
		"-max-object 9000000t":                       "number of bytes",
		"-max-store -1":                              "number of bytes",
		"-database postgres://u:secret@":             "mysql://",
		"-store /var/blobs":                          "s3://",
		"-store s3://key:secret@bucket":              "credentials",
		"-store s3://bucket?zone=x":                  "zone",
		"-log-level loud":                            "loud",
		"serve":                                      "serve",
		"-unknown":                                   "-unknown",
	} {
		var stderr bytes.Buffer
		_, err := parseConfig(strings.Fields(args), none, &stderr)
		if err == nil {
			t.Errorf("%s: accepted", args)
			continue
		}
		said := err.Error() + stderr.String()
		if !strings.Contains(said, want) || strings.Contains(said, "secret") {
			t.Errorf("%s: says %q, want %q in it", args, said, want)
		}
	}
	if _, err := parseConfig([]string{"-listen", "0.0.0.0:5000", "-insecure"}, none, &bytes.Buffer{}); err != nil {
		t.Errorf("-insecure: %v", err)
	}
}

func TestHelpAndVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, none, strings.NewReader(""), &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if _, err := parseConfig([]string{"-h"}, none, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h gives %v", err)
	}
	for _, want := range []string{"-listen", "127.0.0.1:5000", "-database", "MEMCACHE_DATABASE"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the help does not tell of %s:\n%s", want, stderr.String())
		}
	}
	if err := run(t.Context(), []string{"-version"}, none, strings.NewReader(""), &stdout, &stderr); err != nil || !strings.HasPrefix(stdout.String(), "memcache-backend devel (commit unknown, go") {
		t.Errorf("-version says %q, %v", stdout.String(), err)
	}
}
