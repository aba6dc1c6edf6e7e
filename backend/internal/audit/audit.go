// Package audit is what the log tells of changes that matter: who did what, by what,
// from where. Whoever lets a change in writes the line once it is done; those who carry
// it out add to it what they alone know, as from what to what.
package audit

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"memcache/shared/api"
)

// Line writes a line: what was done, and details in pairs of a name and a value.
type Line func(what string, details ...any)

// Journal returns the lines of somebody who is let in by the request.
type Journal func(*http.Request, api.Who) Line

// Remarks are the details of one change.
type Remarks struct {
	mu       sync.Mutex
	details  []any
	ordinary bool
}

type remarksKey struct{}

// With returns a context for a change, and the remarks that are made under it.
func With(ctx context.Context) (context.Context, *Remarks) {
	r := new(Remarks)
	return context.WithValue(ctx, remarksKey{}, r), r
}

// Remark adds details, in pairs of a name and a value, to the line of the change that
// ctx is for, if it is for one.
func Remark(ctx context.Context, details ...any) {
	if r, ok := ctx.Value(remarksKey{}).(*Remarks); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.details = append(r.details, details...)
	}
}

// Ordinary says that the change that ctx is for needs no line after all.
func Ordinary(ctx context.Context) {
	if r, ok := ctx.Value(remarksKey{}).(*Remarks); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ordinary = true
	}
}

// Write writes the line with what was remarked.
func (r *Remarks) Write(line Line, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ordinary {
		line(what, slices.Clone(r.details)...)
	}
}
