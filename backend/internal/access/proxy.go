package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"memcache/shared/api"
)

// parseProxies reads networks, as 10.0.0.0/8, and single addresses.
func parseProxies(texts []string) (list []netip.Prefix, err error) {
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, failed := netip.ParseAddr(text)
			if failed != nil {
				return nil, fmt.Errorf("-trusted-proxies has %q, which is no address and no network such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		list = append(list, network.Masked())
	}
	return list, nil
}

// trusts tells whether the word of the machine at address counts.
func (r *Rules) trusts(address netip.Addr) bool {
	for _, network := range r.proxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// peer is the machine at the other end of the connection; it is not valid for a
// unix socket's.
func peer(req *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap().WithZone("")
}

// Client is the machine that asks: what trusted proxies say of it, the nearest one
// first, up to the first that is none of them.
func (r *Rules) Client(req *http.Request) netip.Addr {
	client := peer(req)
	if !r.trusts(client) {
		return client
	}
	said := strings.Split(strings.Join(req.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(said[i]))
		if err != nil {
			break
		}
		client = address.Unmap().WithZone("")
		if !r.trusts(client) {
			break
		}
	}
	return client
}

// Secure tells whether the request came from its client over TLS.
func (r *Rules) Secure(req *http.Request) bool {
	return req.TLS != nil || r.trusts(peer(req)) && strings.EqualFold(req.Header.Get("X-Forwarded-Proto"), "https")
}

// checkWay fails for what comes past the proxies, without TLS: only this machine
// itself may ask so.
func (r *Rules) checkWay(req *http.Request) error {
	from := peer(req)
	if len(r.proxies) == 0 || req.TLS != nil || r.trusts(from) || !from.IsValid() || from.IsLoopback() {
		return nil
	}
	return api.Errorf(api.Forbidden, "this server is asked through its proxy only, and %s is none that -trusted-proxies names", from)
}

// HTTPS makes browsers come over TLS: what came to a proxy without it is sent there
// again, and where the address has a certificate of its own, they are told to stay.
func (r *Rules) HTTPS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.trusts(peer(req)) && req.TLS == nil && strings.EqualFold(req.Header.Get("X-Forwarded-Proto"), "http") {
			r.redirect(w, req, "")
			return
		}
		if r.hsts && r.Secure(req) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, req)
	})
}

// Redirect returns the handler of the port without TLS: it sends everybody to the
// same address with it, on this port.
func (r *Rules) Redirect(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.redirect(w, req, port) })
}

func (r *Rules) redirect(w http.ResponseWriter, req *http.Request, port string) {
	w.Header().Set("Cache-Control", "no-store")
	if !r.allowHost(req.Host) {
		http.Error(w, "this server does not answer for that host", http.StatusMisdirectedRequest)
		return
	}
	host := req.Host
	if port != "" {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(net.JoinHostPort(strings.Trim(host, "[]"), port), ":443")
	}
	// Not http.Redirect: that cleans the path, and a key may need it as it is.
	w.Header().Set("Location", "https://"+host+req.URL.RequestURI())
	w.WriteHeader(http.StatusPermanentRedirect)
}
