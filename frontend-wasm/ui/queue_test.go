package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"memcache/shared/api"
)

func filled(keys ...string) *queue {
	q := new(queue)
	for i, k := range keys {
		q.add(fmt.Sprintf("file%d", i), k, 1000, nil)
	}
	return q
}

func TestQueueSendsAFewAtATimeInOrder(t *testing.T) {
	q := filled("a", "b", "c", "d")
	for _, u := range q.items {
		if !q.ask(u) {
			t.Fatalf("%s cannot be sent", u.Key)
		}
	}
	first, second := q.next(), q.next()
	if first.Key != "a" || second.Key != "b" || q.next() != nil {
		t.Fatalf("sent %v and %v and more, want a and b alone", first, second)
	}
	q.finish(first.ID, nil)
	if u := q.next(); u == nil || u.Key != "c" {
		t.Errorf("after a, %v is sent, want c", u)
	}
	if startable, busy, stored := q.counts(); startable != 0 || busy != 3 || stored != 1 {
		t.Errorf("counts are %d, %d, %d; want 0, 3, 1", startable, busy, stored)
	}
}

func TestQueueProgress(t *testing.T) {
	q := filled("a")
	u := q.items[0]
	if q.progress(u.ID, 500, 0) != 0 || u.Sent != 0 {
		t.Error("a file that is not being sent makes progress")
	}
	q.ask(u)
	q.next()
	var told []int
	for _, sent := range []int64{10, 250, 260, 200, 770, 1000, 9000} {
		if quarter := q.progress(u.ID, sent, 0); quarter > 0 {
			told = append(told, quarter)
		}
	}
	if fmt.Sprint(told) != "[25 75]" {
		t.Errorf("told %v, want 25 and 75", told)
	}
	if u.Sent != 1000 || u.percent() != 100 {
		t.Errorf("sent %d (%d %%), want all and no more", u.Sent, u.percent())
	}
	if q.progress(77, 1, 0) != 0 {
		t.Error("an unknown upload makes progress")
	}
}

func TestQueueEnds(t *testing.T) {
	q := filled("a", "b", "c")
	for _, u := range q.items {
		q.ask(u)
		u.State = uploadSending
	}
	q.finish(1, nil)
	q.finish(2, fmt.Errorf("upload: %w", context.Canceled))
	q.finish(3, api.Errorf(api.Full, "no room is left"))
	q.finish(99, errors.New("never added"))
	for i, want := range []uploadState{uploadStored, uploadReady, uploadFailed} {
		if got := q.items[i].State; got != want {
			t.Errorf("%s is %s, want %s", q.items[i].Key, stateNames[got], stateNames[want])
		}
	}
	if q.items[2].Err != "no room is left" {
		t.Errorf("c failed with %q", q.items[2].Err)
	}
	if !q.ask(q.items[2]) || q.items[2].Err != "" {
		t.Error("what failed cannot be tried again")
	}
	if q.ask(q.items[0]) {
		t.Error("what is stored can be sent again")
	}
	q.removeStored()
	q.remove(3) // it waits: it stays until it is cancelled
	q.remove(2)
	if len(q.items) != 1 || q.items[0].ID != 3 {
		t.Errorf("left are %v, want only what is under way", q.items)
	}
}

func TestQueueKeys(t *testing.T) {
	q := filled("same", "same", "", strings.Repeat("k", 1025), "bad\x00", " spaced ")
	for i, want := range []string{"", "another file", "is empty", "1025 bytes", "control character", ""} {
		got := q.problem(q.items[i])
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("problem with %q: %q, want %q", q.items[i].Key, got, want)
		}
		if q.ask(q.items[i]) != (want == "") {
			t.Errorf("%q can be sent although %q, or the other way round", q.items[i].Key, got)
		}
	}
}

func TestFault100_FewRowsForManyFiles(t *testing.T) {
	q := new(queue)
	for i := range 1000 {
		u := q.add("f", fmt.Sprint(i), 1, nil)
		if i < 500 {
			u.State = uploadStored
		}
	}
	items, hidden := q.shown(maxUploadRows)
	if len(items) != maxUploadRows || hidden != 1000-maxUploadRows {
		t.Fatalf("%d shown and %d hidden", len(items), hidden)
	}
	if items[0].State == uploadStored {
		t.Error("what is stored is shown before what waits")
	}
}
