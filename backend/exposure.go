package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"memcache/backend/internal/access"
	"memcache/backend/internal/certs"
)

// exposure is how other machines reach the backend.
type exposure struct {
	tlsCert, tlsKey string // files
	domain          string
	acme            string
	listenHTTP      string
	proxies         string
	login           bool
	courseOpen      bool
	insecure        bool
}

func (e *exposure) flags(fs *flag.FlagSet) {
	fs.StringVar(&e.tlsCert, "tls-cert", "", "`file` with a certificate chain in PEM: serve with TLS. It may be replaced at any time")
	fs.StringVar(&e.tlsKey, "tls-key", "", "`file` with the key of -tls-cert in PEM")
	fs.StringVar(&e.domain, "domain", "", "host `names`, separated by commas, to get TLS certificates for from Let's Encrypt, whose terms you agree to so. -listen is then :443, unless it is given")
	fs.StringVar(&e.acme, "acme", "", "`address` of another certificate authority for -domain, that of its ACME directory")
	fs.StringVar(&e.listenHTTP, "listen-http", "", "`host:port` on which browsers that come without TLS are sent to it; :80 with -domain, unless it is given")
	fs.StringVar(&e.proxies, "trusted-proxies", "", "`addresses` and networks, separated by commas, of proxies that add TLS and tell their clients' addresses in X-Forwarded-For; others are refused")
	fs.BoolVar(&e.login, "login", false, "ask for a login also on this machine; beyond it, and behind -trusted-proxies, it is asked for anyhow")
	fs.BoolVar(&e.courseOpen, "course-open", false, "leave the course API open to everybody also where one has to log in")
	fs.BoolVar(&e.insecure, "insecure", false, "serve beyond this machine although nobody has to log in and nothing is encrypted")
}

// complete fills in what -domain stands for where that was not given.
func (c *config) complete(fs *flag.FlagSet) {
	if c.domain == "" {
		return
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["listen"] {
		c.listen = ":443"
	}
	if !given["listen-http"] {
		c.listenHTTP = ":80"
	}
}

// encrypted tells whether the backend itself serves with TLS.
func (e exposure) encrypted() bool { return e.tlsCert != "" || e.domain != "" }

func (e exposure) check() error {
	switch {
	case (e.tlsCert == "") != (e.tlsKey == ""):
		return errors.New("-tls-cert and -tls-key are given together: one of them is missing")
	case e.tlsCert != "" && e.domain != "":
		return errors.New("-tls-cert and -domain both say which certificate to use: give one of them")
	case e.acme != "" && e.domain == "":
		return errors.New("-acme is the authority that certificates for -domain come from: give -domain, too")
	case e.listenHTTP != "" && !e.encrypted():
		return errors.New("-listen-http sends browsers to TLS, and there is none: give -domain, or -tls-cert and -tls-key")
	}
	if e.listenHTTP != "" {
		return checkAddress("listen-http", e.listenHTTP)
	}
	return nil
}

// exposed tells whether other machines can reach the backend.
func (c config) exposed() bool {
	host, _, _ := net.SplitHostPort(c.listen) // it was checked
	return !access.IsLoopback(host)
}

// asksLogin tells whether one has to log in.
func (c config) asksLogin() bool {
	return c.login || (c.exposed() || c.proxies != "") && !c.insecure
}

// checkExposure makes sure that nobody is let in by mistake.
func (c config) checkExposure() error {
	if c.exposed() && !c.encrypted() && c.proxies == "" {
		switch {
		case c.login:
			return fmt.Errorf("-login with -listen %q would let passwords travel in the clear: give -domain, or -tls-cert and -tls-key, or -trusted-proxies for a proxy that adds TLS", c.listen)
		case !c.insecure:
			return fmt.Errorf("-listen %q can be reached from other machines, and nothing would be encrypted: give -domain, or -tls-cert and -tls-key, or -trusted-proxies for a proxy that adds TLS; "+
				"or listen on 127.0.0.1; or add -insecure if everyone who can reach it may read, change and delete everything", c.listen)
		}
	}
	return c.exposure.check()
}

// certificates is where they come from; nil where the backend serves without TLS.
func (c config) certificates(log *slog.Logger) (certs.Source, error) {
	switch {
	case c.tlsCert != "":
		return certs.FromFiles(c.tlsCert, c.tlsKey, log)
	case c.domain != "":
		return certs.FromACME(certs.ACME{Domains: splitList(c.domain), Directory: c.acme, Folder: filepath.Join(c.data, "certificates"), Log: log}), nil
	}
	return nil, nil
}

// access says whom to let in.
func (c config) access() access.Config {
	return access.Config{
		Listen: c.listen, Hosts: append(splitList(c.hosts), splitList(c.domain)...), Rate: c.rate,
		Proxies: splitList(c.proxies), HSTS: c.domain != "",
	}
}
