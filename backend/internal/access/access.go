// Package access decides which requests are let in at all: by their Host, so
// that a name that an attacker points at this machine (DNS rebinding) gets
// nowhere, by their Origin, so that other sites' pages cannot change anything or
// open the WebSocket, and by how many of them come from one address.
package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"memcache/shared/api"
)

// Rules are the names under which this server may be asked.
type Rules struct {
	names   map[string]bool
	anyIP   bool
	proxies []netip.Prefix
	hsts    bool
	cross   *http.CrossOriginProtection
	pace    *pace
}

// Config says under which hosts the server answers.
type Config struct {
	// Listen is the address listened on. Beyond loopback, requests that name
	// the server by a bare IP address are let in: no other site's page can
	// make a browser do so under a name of its own.
	Listen string
	// Hosts are further host names, without ports.
	Hosts []string
	// Rate is how many requests a second may come from one address, on average;
	// 0 is any number. This machine's own addresses are exempt.
	Rate int
	// Proxies are the networks and addresses of proxies in front of the server, whose
	// word about clients is believed.
	Proxies []string
	// HSTS tells browsers that they are to come over TLS alone from now on.
	HSTS bool
}

// New returns the rules for cfg. localhost, 127.0.0.1 and [::1] are always
// let in.
func New(cfg Config) (*Rules, error) {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("the listen address %q is not host:port, as in 127.0.0.1:5000: %w", cfg.Listen, err)
	}
	r := &Rules{names: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}, cross: http.NewCrossOriginProtection()}
	if r.proxies, err = parseProxies(cfg.Proxies); err != nil {
		return nil, err
	}
	r.anyIP, r.pace, r.hsts = !IsLoopback(host), newPace(cfg.Rate), cfg.HSTS
	for _, name := range append(cfg.Hosts, host) {
		if name != "" {
			r.names[strings.ToLower(strings.Trim(name, "[]"))] = true
		}
	}
	return r, nil
}

// IsLoopback tells whether host is reached from this machine only.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// Check returns why the request is refused, or nil.
func (r *Rules) Check(req *http.Request) error {
	if err := r.checkWay(req); err != nil {
		return err
	}
	if err := r.pace.check(r.Client(req)); err != nil {
		return err
	}
	if !r.allowHost(req.Host) {
		return api.Errorf(api.Misdirected, "this server does not answer for the host %q: use the address it printed, or start it with -hosts and that name", req.Host)
	}
	if err := r.cross.Check(req); err != nil {
		return api.Errorf(api.Forbidden, "a page of another site (%s) may not change anything here", origin(req)).Because(err)
	}
	return nil
}

// AllowOrigin tells whether a WebSocket may be opened: by our own pages (same
// scheme-less origin as the host asked) and by programs, which send no Origin.
func (r *Rules) AllowOrigin(req *http.Request) bool {
	origins := req.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	return len(origins) == 1 && err == nil && (u.Scheme == "https" || u.Scheme == "http" && !r.Secure(req)) &&
		strings.EqualFold(u.Host, req.Host) && u.User == nil && u.Path == "" && r.allowHost(req.Host)
}

func (r *Rules) allowHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if r.names[host] {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil && r.anyIP
}

func origin(req *http.Request) string {
	if o := req.Header.Get("Origin"); o != "" {
		return o
	}
	return "Sec-Fetch-Site: " + req.Header.Get("Sec-Fetch-Site")
}
