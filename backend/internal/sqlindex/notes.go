package sqlindex

import (
	"encoding/json"
	"fmt"

	"memcache/shared/api"
)

// StoredNote is what the database keeps beside objects and samples, for a backup.
type StoredNote struct {
	Kind string          `json:"kind"` // of Note…
	Time int64           `json:"t,omitempty"`
	Node string          `json:"node,omitempty"`
	Body json.RawMessage `json:"body"`
}

// The kinds of notes.
const (
	NoteMark      = "mark"      // an [api.Mark]
	NoteCurves    = "curves"    // of a node, see [DB.KeepCurves]
	NotePromise   = "promise"   // see [DB.KeepPromise]
	NoteAutopilot = "autopilot" // the state of the autopilot
)

// notePage is how many notes are in memory at once: curves are long.
const notePage = 50

// noteQueries are those for all notes, in order; each needs a limit and an offset.
var noteQueries = []struct {
	query string
	scan  func(scan func(...any) error) (StoredNote, error)
}{
	{"SELECT " + markColumns + " FROM marks ORDER BY time_ms, kind, node LIMIT ? OFFSET ?", scanMarkNote},
	{"SELECT '" + NoteCurves + "', time_ms, node, curves FROM curves ORDER BY time_ms, node LIMIT ? OFFSET ?", scanNote},
	{"SELECT '" + NotePromise + "', time_ms, '', promise FROM promises ORDER BY time_ms LIMIT ? OFFSET ?", scanNote},
	{"SELECT '" + NoteAutopilot + "', 0, '', state FROM autopilot WHERE version > 0 LIMIT ? OFFSET ?", scanNote},
}

func scanNote(scan func(...any) error) (n StoredNote, err error) {
	var body []byte
	err = scan(&n.Kind, &n.Time, &n.Node, &body)
	n.Body = body
	return n, err
}

func scanMarkNote(scan func(...any) error) (StoredNote, error) {
	m, err := scanMark(scan)
	if err != nil {
		return StoredNote{}, err
	}
	body, err := json.Marshal(m)
	return StoredNote{Kind: NoteMark, Body: body}, err
}

// Notes calls yield with the notes, page by page.
func (s *Snapshot) Notes(yield func([]StoredNote) error) error {
	for _, n := range noteQueries {
		offset := 0
		err := pages(func() ([]StoredNote, error) {
			return collect(s, n.scan, n.query, notePage, offset)
		}, func(page []StoredNote) error {
			offset += len(page)
			return yield(page)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Notes adds notes.
func (l *Loader) Notes(notes []StoredNote) error {
	for _, n := range notes {
		if err := l.note(n); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) note(n StoredNote) (err error) {
	switch n.Kind {
	case NoteMark:
		var m api.Mark
		if err := json.Unmarshal(n.Body, &m); err != nil {
			return fmt.Errorf("the mark %s: %w", n.Body, err)
		}
		return putMark(l.ctx, l.tx, m)
	case NoteCurves:
		_, err = l.tx.ExecContext(l.ctx, putCurves, n.Time, n.Node, []byte(n.Body))
	case NotePromise:
		_, err = l.tx.ExecContext(l.ctx, putPromise, n.Time, []byte(n.Body))
	case NoteAutopilot:
		_, err = l.tx.ExecContext(l.ctx, "UPDATE autopilot SET state = ?, version = version + 1", []byte(n.Body))
	default:
		err = fmt.Errorf("a note of the kind %q, which this program does not know", n.Kind)
	}
	return err
}
