package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// seenKeys is where the browser keeps the keys that were listed last.
const seenKeys = "memcache.keys"

// How many keys are kept, and how long at the least lies between two writings.
const (
	maxSeenKeys   = 2000
	seenKeysPause = 3 * time.Second
)

// known are the objects that lists have shown, to be searched without a server.
// The last listed are first.
type known struct {
	objects []api.Object
	read    bool // what was kept before is among them
	waiting bool // they are to be written soon
}

// add puts objects before the others, in the place of what was known of their keys.
func (k *known) add(objects []api.Object) {
	fresh := make(map[string]bool, len(objects))
	all := make([]api.Object, 0, min(maxSeenKeys, len(objects)+len(k.objects)))
	for _, list := range [][]api.Object{objects, k.objects} {
		for _, o := range list {
			if !fresh[o.Key] && len(all) < maxSeenKeys {
				fresh[o.Key] = true
				all = append(all, o)
			}
		}
	}
	k.objects = all
}

// readKnown takes what was kept before this page.
func (s *session) readKnown() {
	if !s.known.read {
		s.known.read = true
		now := s.known.objects
		s.known.objects = recall[[]api.Object](s.seen, seenKeys).Value
		s.known.add(now)
	}
}

// saw notes what a list has shown, and keeps it soon.
func (s *session) saw(objects []api.Object) {
	s.readKnown()
	s.known.add(objects)
	if s.known.waiting {
		return
	}
	s.known.waiting = true
	s.ctx.After(seenKeysPause, func(app.Context) {
		s.known.waiting = false
		_ = keep(s.seen, seenKeys, wallNow(), s.known.objects)
	})
}

// searchKnown finds the keys that contain text among those that were listed.
func (s *session) searchKnown(text string) *api.List {
	s.readKnown()
	return filterSeen(api.List{Objects: s.known.objects}, text)
}
