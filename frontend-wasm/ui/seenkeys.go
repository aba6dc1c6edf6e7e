package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// seenKeys is where the browser keeps the keys that were listed last, one a line:
// as JSON, 2,000 of them would hold the page up for a quarter of a second.
const seenKeys = "memcache.keys"

// How many keys are kept, and when: as soon as no list has come for a while, for the
// writing would be felt by who scrolls; but at the latest after a longer one.
const (
	maxSeenKeys    = 2000
	seenKeysPause  = 3 * time.Second
	seenKeysLatest = 30 * time.Second
)

// known are the objects that lists have shown, to be searched without a server.
// The last listed are first.
type known struct {
	objects []api.Object
	read    bool  // what was kept before is among them
	lists   int   // that came
	kept    int64 // when they were written last, in Unix milliseconds
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
		s.known.objects = parseLines(recall[string](s.seen, seenKeys).Value)
		s.known.add(now)
	}
}

// saw notes what a list has shown, and keeps it soon.
func (s *session) saw(objects []api.Object) {
	s.known.add(objects)
	s.known.lists++
	lists := s.known.lists
	s.ctx.After(seenKeysPause, func(app.Context) {
		now := wallNow()
		if lists == s.known.lists || now-s.known.kept > seenKeysLatest.Milliseconds() {
			s.readKnown()
			s.known.kept = now
			_ = keep(s.seen, seenKeys, now, formatLines(s.known.objects))
		}
	})
}

// formatLines writes objects as lines of fields between tabs. Neither is in a key.
func formatLines(objects []api.Object) string {
	var b strings.Builder
	number := func(n int64) { b.WriteString("\t" + strconv.FormatInt(n, 10)) }
	for _, o := range objects {
		b.WriteString(o.Key + "\t" + o.Type + "\t" + o.ETag)
		number(o.Size)
		number(o.Created)
		number(o.Modified)
		number(o.Version)
		b.WriteByte('\n')
	}
	return b.String()
}

// parseLines reads them, and leaves out what is no such line.
func parseLines(text string) (objects []api.Object) {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 7 {
			continue
		}
		o := api.Object{Key: fields[0], Type: fields[1], ETag: fields[2]}
		valid := true
		for i, n := range []*int64{&o.Size, &o.Created, &o.Modified, &o.Version} {
			var err error
			*n, err = strconv.ParseInt(fields[3+i], 10, 64)
			valid = valid && err == nil
		}
		if valid {
			objects = append(objects, o)
		}
	}
	return objects
}

// searchKnown finds the keys that contain text among those that were listed.
func (s *session) searchKnown(text string) *api.List {
	s.readKnown()
	return filterSeen(api.List{Objects: s.known.objects}, text)
}
