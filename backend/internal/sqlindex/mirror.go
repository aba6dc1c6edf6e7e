package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"memcache/backend/internal/storage"
)

// copiedObjects comes first: without it, nothing else is of use.
var copiedObjects = table{name: "objects", key: 1, page: snapshotPage, columns: []column{
	{"object_key", asBytes},
	{"blob_id", asText},
	{"size", asNumber},
	{"content_type", asText},
	{"created", asNumber},
	{"modified", asNumber},
	{"version", asNumber},
	{"checksum", asText},
}}

// copiedTables are the others of which all rows are copied. What is kept beside the
// objects for searches and counts is made anew; the lead, who runs, tokens of commits and claims
// of requests under way hold for a moment and a server. Of the settings, the capacity
// and the policy are copied.
var copiedTables = []table{
	{name: "trash", key: 1, page: snapshotPage, columns: []column{
		{"object_key", asBytes},
		{"blob_id", asText},
		{"size", asNumber},
		{"content_type", asText},
		{"created", asNumber},
		{"modified", asNumber},
		{"version", asNumber},
		{"deleted", asNumber},
	}},
	{name: "logins", key: 1, page: snapshotPage, columns: []column{
		{"id", asBytes},
		{"kind", asText},
		{"account", asText},
		{"scope", asText},
		{"name", asText},
		{"password", asText},
		{"address", asText},
		{"created", asNumber},
		{"seen", asNumber},
		{"expires", asNumber},
		{"data", asText},
	}},
	{name: "share_key", key: 1, page: 1, columns: []column{{"id", asNumber}, {"secret", asBytes}}},
	{name: "answers", key: 1, page: notePage, only: "claim = ''", columns: []column{{"id", asBytes}, {"expires", asNumber}, {"answer", asBytes}}},
	{name: "autopilot", key: 1, page: 1, columns: []column{{"id", asNumber}, {"version", asNumber}, {"state", asBytes}}},
	{name: "marks", key: 3, page: snapshotPage, columns: []column{{"time_ms", asNumber}, {"kind", asText}, {"node", asText}, {"was", asText}, {"became", asText}}},
	{name: "curves", key: 2, page: notePage, columns: []column{{"time_ms", asNumber}, {"node", asText}, {"curves", asBytes}}},
	{name: "promises", key: 1, page: notePage, columns: []column{{"time_ms", asNumber}, {"promise", asBytes}}},
	{name: "samples", key: 3, page: snapshotPage, columns: []column{
		{"time_ms", asNumber},
		{"node", asText},
		{"span", asNumber},
		{"seconds", asFloat},
		{"items", asNumber},
		{"bytes", asNumber},
		{"requests", asNumber},
		{"hits", asNumber},
		{"misses", asNumber},
		{"evictions", asNumber},
		{"capacity", asNumber},
		{"reads_seconds", asFloat},
		{"memory_bytes", asNumber},
		{"disk_bytes", asNumber},
		{"hit_times", asBytes},
		{"miss_times", asBytes},
	}},
}

// copiedUploads is copied where both have the same store, in which the parts are.
var copiedUploads = table{name: "uploads", key: 1, page: notePage, columns: []column{{"id", asBytes}, {"turn", asNumber}, {"expires", asNumber}, {"state", asBytes}}}

// Mirror is how a database is made the copy of another.
type Mirror struct {
	// MovedOnly leaves the objects out whose blobs were not noted by AddMovedBlobs, and
	// the uploads in progress: the store is another one.
	MovedOnly bool
	// Each is told of each page, how many rows of objects it had. It may be nil.
	Each func(objects int)
}

// Mirror makes the rows of the copy, which BeginReceiving has begun, those that db has at this moment, in steps that
// hold each by itself, and returns how many objects db has, and how many of them were
// left out. What is the same already stays as it is, so that doing it again takes little.
func (db *DB) Mirror(ctx context.Context, to *DB, m Mirror) (objects, leftOut int64, err error) {
	err = db.Snapshot(ctx, func(s *Snapshot) error {
		c := &mirroring{Mirror: m, from: s, to: to, ctx: ctx}
		if err := c.everything(); err != nil {
			return fmt.Errorf("copy the rows: %w", err)
		}
		objects, leftOut = c.objects, c.leftOut
		return nil
	})
	return objects, leftOut, err
}

// mirroring is one call of Mirror.
type mirroring struct {
	Mirror
	from *Snapshot
	to   *DB
	ctx  context.Context

	objects, leftOut int64
}

func (c *mirroring) everything() error {
	settings, err := c.from.Settings()
	if err != nil {
		return err
	}
	if err := c.write(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, saveSettings, settings.Capacity, settings.Policy)
		return err
	}); err != nil {
		return err
	}
	all := append([]table{copiedObjects}, copiedTables...)
	if !c.MovedOnly {
		all = append(all, copiedUploads)
	}
	for _, t := range all {
		if err := c.table(t); err != nil {
			return fmt.Errorf("the table %s: %w", t.name, err)
		}
	}
	return nil
}

// write runs fn while the database is a part of a copy: another process may have ended
// the copy, and a server be using it.
func (c *mirroring) write(fn func(context.Context, *sql.Tx) error) error {
	return c.to.write(c.ctx, bulkTimeout, "copy rows", func(ctx context.Context, tx *sql.Tx) error {
		m, err := scanMoving(tx.QueryRowContext(ctx, movingQuery+c.to.dialect.forShare).Scan)
		if err == nil && m.From == "" {
			err = errors.New("the copy into it has been ended by another process")
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// table goes through both tables in the order of the key, a page of the source and
// what the copy has between its ends at a time.
func (c *mirroring) table(t table) error {
	var after row
	for {
		page, err := t.between(c.from.ctx, c.from.tx, after, nil)
		if err != nil {
			return err
		}
		var until row // nil: to the end
		if len(page) == t.page {
			until = page[len(page)-1][:t.key]
		}
		objects := 0
		if t.name == copiedObjects.name {
			objects = len(page)
			c.objects += int64(objects)
			if page, err = c.moved(page); err != nil {
				return err
			}
		}
		if err := c.span(t, page, after, until); err != nil {
			return err
		}
		if c.Each != nil {
			c.Each(objects)
		}
		if after = until; until == nil {
			return nil
		}
	}
}

// moved returns the rows whose blobs are in the new store.
func (c *mirroring) moved(page []row) ([]row, error) {
	if !c.MovedOnly {
		return page, nil
	}
	ids := make([]string, len(page))
	for i, r := range page {
		ids[i] = r[1].(string)
	}
	moved, err := c.to.MovedBlobs(c.ctx, ids)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(page), func(r row) bool { return !moved[r[1].(string)] })
	c.leftOut += int64(len(page) - len(kept))
	return kept, nil
}

// span makes the rows of the copy between two keys those of the page.
func (c *mirroring) span(t table, page []row, after, until row) error {
	wanted := make(map[string]row, len(page))
	for _, r := range page {
		wanted[r[:t.key].String()] = r
	}
	for {
		there, err := c.there(t, after, until)
		if err != nil {
			return err
		}
		var d difference
		for _, r := range there {
			want, ok := wanted[r[:t.key].String()]
			delete(wanted, r[:t.key].String())
			switch {
			case !ok:
				d.gone = append(d.gone, r)
			case want.String() != r.String():
				d.changed = append(d.changed, want)
			}
		}
		last := len(there) < t.page
		if last {
			for _, r := range page { // in their order
				if _, ok := wanted[r[:t.key].String()]; ok {
					d.added = append(d.added, r)
				}
			}
		} else {
			after = there[len(there)-1][:t.key]
		}
		if err := c.apply(t, d); err != nil || last {
			return err
		}
	}
}

// there is a page of what the copy has between two keys.
func (c *mirroring) there(t table, after, until row) (rows []row, err error) {
	err = c.to.readFor(c.ctx, bulkTimeout, "read the copy", func(ctx context.Context, tx *sql.Tx) error {
		rows, err = t.between(ctx, tx, after, until)
		return err
	})
	return rows, err
}

// difference is what is to be done to the rows of a copy.
type difference struct{ gone, changed, added []row }

func (c *mirroring) apply(t table, d difference) error {
	if len(d.gone)+len(d.changed)+len(d.added) == 0 {
		return nil
	}
	return c.write(func(ctx context.Context, tx *sql.Tx) error {
		if t.name == copiedObjects.name {
			return c.applyObjects(ctx, tx, d)
		}
		for _, r := range d.gone {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+t.name+" WHERE "+t.isKey(), r[:t.key]...); err != nil {
				return err
			}
		}
		return t.put(ctx, tx, append(d.changed, d.added...))
	})
}

// applyObjects also keeps what is kept beside the objects.
func (c *mirroring) applyObjects(ctx context.Context, tx *sql.Tx, d difference) error {
	gone := int64(0)
	for _, r := range d.gone {
		n, err := c.to.removeRow(ctx, tx, string(r[0].([]byte)))
		if err != nil {
			return err
		}
		gone += n
	}
	for _, r := range d.changed {
		_, err := tx.ExecContext(ctx, "UPDATE objects SET blob_id = ?, size = ?, content_type = ?, created = ?, modified = ?, version = ?, checksum = ? WHERE object_key = ?",
			append(slices.Clone(r[1:]), r[0])...)
		if err != nil {
			return err
		}
	}
	added := make([]storage.Object, len(d.added))
	for i, r := range d.added {
		added[i] = storage.Object{
			Key: string(r[0].([]byte)), Blob: r[1].(string), Size: r[2].(int64), Type: r[3].(string),
			Created: fromMillis(r[4].(int64)), Modified: fromMillis(r[5].(int64)), Version: r[6].(int64), Checksum: r[7].(string),
		}
	}
	if err := c.to.insertRows(ctx, tx, added); err != nil {
		return err
	}
	return c.to.addTotal(ctx, tx, -gone)
}
