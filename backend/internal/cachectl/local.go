package cachectl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"memcache/shared/api"
)

// MaxLocal is how many cache processes start.sh runs beside a server.
const MaxLocal = 8

// Local is the cache processes that start.sh runs beside this server. How many is
// a number in a file, which it follows; what they are called is known.
type Local struct {
	File string // with the number
	Data string // the folder of their sockets
}

// Count is how many there are, or should be.
func (l *Local) Count() int {
	text, err := os.ReadFile(l.File)
	if err != nil {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 || n > MaxLocal {
		return 1
	}
	return n
}

// Addresses are those of the first count of them.
func (l *Local) Addresses(count int) []string {
	list := []string{"unix:" + filepath.Join(l.Data, "cache.sock")}
	for i := 2; i <= count; i++ {
		list = append(list, fmt.Sprintf("unix:%s", filepath.Join(l.Data, fmt.Sprintf("cache-%d.sock", i))))
	}
	return list
}

// set asks for another number of them.
func (l *Local) set(count int) error {
	temporary := l.File + ".new"
	err := os.WriteFile(temporary, fmt.Appendln(nil, count), 0o600)
	if err == nil {
		err = os.Rename(temporary, l.File)
	}
	if err != nil {
		return api.Errorf(api.Unavailable, "the number of cache nodes could not be written to %q: see that the server may write there", l.File).Because(err)
	}
	return nil
}

// A process is asked so often, and for so long, whether it is there.
const (
	awaitEvery = 50 * time.Millisecond
	awaitMost  = 8 * time.Second
)

// await tries until it succeeds.
func (l *Local) await(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, awaitMost)
	defer cancel()
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
