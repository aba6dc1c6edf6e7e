package login

import (
	"context"
	"errors"
	"io/fs"
)

// AccountID is the id of an account.
func AccountID(name string) [32]byte { return accountID(name) }

// Account returns the account of that name; the zero Login when there is none.
func Account(ctx context.Context, store interface {
	Login(ctx context.Context, id [32]byte) (Login, error)
}, name string,
) (Login, error) {
	l, err := store.Login(ctx, accountID(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Login{}, nil
	}
	return l, err
}
