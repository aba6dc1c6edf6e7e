//go:build !js

package outbox

import "context"

// Box is the outbox of a tab.
type Box struct{}

// Open fails with [ErrUnavailable]: only browsers have one.
func Open(context.Context) (*Box, error) { return nil, ErrUnavailable }

// Put fails with [ErrUnavailable].
func (*Box) Put(context.Context, Item) error { return ErrUnavailable }

// Remove fails with [ErrUnavailable].
func (*Box) Remove(context.Context, string) error { return ErrUnavailable }

// Adopt fails with [ErrUnavailable].
func (*Box) Adopt(context.Context) ([]Item, error) { return nil, ErrUnavailable }
