package cachelink

import (
	"context"
	"strings"
	"time"

	"memcache/backend/internal/storage"
)

// Describe tells what the node knows of key's value, by a command that counts as
// no access. A plain memcached does not tell the flags, and so not since when.
func (n *node) Describe(ctx context.Context, key string) (storage.Cached, error) {
	if err := checkKey(key); err != nil {
		return storage.Cached{}, err
	}
	q := newCall(replyLine)
	q.line = append(append(append(q.line, "me "...), key...), "\r\n"...)
	if _, err := n.do(ctx, q); err != nil {
		return storage.Cached{}, err
	}
	defer q.recycle()
	if err := expect(n, q, "ME", "EN"); err != nil || q.status() == "EN" {
		return storage.Cached{}, err
	}
	return parseDescription(string(q.reply)), nil
}

// parseDescription reads "ME key exp=-1 la=3 fetch=no size=99 …". Leases and holds
// expire; values never do.
func parseDescription(line string) storage.Cached {
	known := map[string]string{}
	for word := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(word, "=")
		known[name] = value
	}
	if known["exp"] != "-1" {
		return storage.Cached{}
	}
	d := storage.Cached{
		Found: true, Read: known["fetch"] == "yes", Bytes: number(known["size"]),
		Idle: time.Duration(number(known["la"])) * time.Second,
	}
	if filled := number(known["flags"]); filled > 0 {
		d.Since = time.Unix(filled, 0).UTC()
	}
	return d
}
