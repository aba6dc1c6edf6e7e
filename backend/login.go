package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/user"
	"strings"

	"memcache/backend/internal/access"
	"memcache/backend/internal/audit"
	"memcache/backend/internal/login"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// journal writes the lines of the audit into the log: what was done, who it was, and
// from where. Only a log of errors alone goes without them.
func journal(log *slog.Logger, rules *access.Rules) audit.Journal {
	return func(r *http.Request, who api.Who) audit.Line {
		from := rules.Client(r).String()
		return func(what string, details ...any) {
			log.Warn("audit", append([]any{
				"what", what, "who", cmp.Or(who.Account, "anybody"), "by", cmp.Or(who.Kind, "no login"), "id", who.ID[:min(8, len(who.ID))], "from", from,
			}, details...)...)
		}
	}
}

// commandLine writes lines of what commands on this machine have done.
func commandLine(log *slog.Logger) audit.Line {
	return func(what string, details ...any) {
		who := "anybody"
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
		log.Warn("audit", append([]any{"what", what, "who", who, "by", "a command", "from", "this machine"}, details...)...)
	}
}

// firstLogin is what to do at a first start, as a line for whoever started it: to
// open a link that sets the first password. Where what is said goes into a journal,
// the link is not said.
func (a *app) firstLogin(ctx context.Context, cfg config, getenv func(string) string) string {
	const byCommand = "To set the first password, run \"memcache-backend login\" on this machine, with the same -data and -database.\n"
	if a.keeper == nil {
		return ""
	}
	if getenv("JOURNAL_STREAM") != "" {
		return byCommand
	}
	path, err := a.keeper.FirstLink(ctx)
	switch {
	case err != nil:
		a.log.Warn("whether somebody can log in is not known yet", "error", err)
		return byCommand
	case path == "":
		return ""
	}
	commandLine(a.log)("one-time link made", "account", login.First, "scope", api.ScopeAdmin)
	return "To set the first password, open " + cfg.publicAddress(a.address()) + path + " within a day. It works once.\n"
}

// publicAddress is where people reach the backend that listens on address.
func (c config) publicAddress(address string) string {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://"))
	names := append(splitList(c.domain), splitList(c.hosts)...)
	switch {
	case c.domain != "" && err == nil:
		return strings.TrimSuffix("https://"+net.JoinHostPort(names[0], port), ":443")
	case c.proxies != "" && len(names) > 0:
		return "https://" + names[0] // the proxy has the usual port
	}
	return strings.NewReplacer("[::]", "localhost", "0.0.0.0", "localhost").Replace(address)
}

// printLink prints a one-time link for an account, the first one if none is named.
func printLink(ctx context.Context, cfg config, log *slog.Logger, stdout io.Writer) error {
	index, err := sqlindex.OpenExisting(ctx, cfg.index(log))
	if err != nil {
		return err
	}
	keeper := login.New(index, func(*http.Request) string { return "" })
	name, scope := cmp.Or(cfg.file, login.First), api.Scope("")
	if name == login.First {
		scope = api.ScopeAdmin // also where there is no account yet
	}
	path, err := keeper.Link(ctx, name, scope)
	if err == nil {
		scheme := "http"
		if cfg.encrypted() {
			scheme = "https"
		}
		commandLine(log)("one-time link made", "account", name, "scope", cmp.Or(scope, "as it was"))
		_, err = fmt.Fprintf(stdout, "To set a new password for %s, open this within a day. It works once, and ends the sessions and passkeys of that account:\n\n    %s%s\n\n", name, cfg.publicAddress(scheme+"://"+cfg.listen), path)
	}
	return errors.Join(err, index.Close())
}
