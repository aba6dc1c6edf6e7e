package ui

import (
	"net/url"
	"slices"

	"memcache/shared/api"
)

// pageRows is how many keys one page of the list shows.
const pageRows = 50

// listQuery is what the address says of the list.
type listQuery struct {
	Search string
	Sort   string // of api.Sorts, never ""
	After  string // where the page begins; "" for the first
}

// parseListQuery reads the address; what it does not know is the default.
func parseListQuery(v url.Values) listQuery {
	q := listQuery{Search: v.Get("search"), Sort: v.Get("sort"), After: v.Get("after")}
	if !slices.Contains(api.Sorts, q.Sort) {
		q.Sort = api.SortNewest
	}
	return q
}

// path is the address of the list.
func (q listQuery) path() string {
	v := url.Values{}
	if q.Search != "" {
		v.Set("search", q.Search)
	}
	if q.Sort != api.SortNewest {
		v.Set("sort", q.Sort)
	}
	if q.After != "" {
		v.Set("after", q.After)
	}
	if len(v) == 0 {
		return pathObjects
	}
	return pathObjects + "?" + v.Encode()
}

// first tells whether it is the list as it opens: no search, first page.
func (q listQuery) first() bool {
	return q == listQuery{Sort: api.SortNewest}
}

func (q listQuery) api() api.ListQuery {
	return api.ListQuery{Search: q.Search, Sort: q.Sort, After: q.After, Limit: pageRows}
}

// trail remembers where the page before each page began, for the way back; it
// forgets the oldest ones.
type trail struct {
	before map[listQuery]string
	order  []listQuery
}

// maxTrail is how many pages a trail remembers.
const maxTrail = 1000

// note says that the page older follows the page q.
func (t *trail) note(q listQuery, older string) {
	next := q
	next.After = older
	if t.before == nil {
		t.before = make(map[listQuery]string)
	}
	if _, known := t.before[next]; !known {
		t.order = append(t.order, next)
	}
	t.before[next] = q.After
	if len(t.order) > maxTrail {
		delete(t.before, t.order[0])
		t.order = t.order[1:]
	}
}

// newer returns the page before q; the first one when that is not known.
func (t *trail) newer(q listQuery) listQuery {
	q.After = t.before[q]
	return q
}

// sameRows tells whether two pages show the same.
func sameRows(a, b *api.List) bool {
	return a != nil && b != nil && a.Total == b.Total && a.Exact == b.Exact && a.Next == b.Next && slices.Equal(a.Objects, b.Objects)
}

// totalText writes how many keys there are.
func totalText(l *api.List, search string) string {
	noun := "object"
	if search != "" {
		noun = "match"
		if l.Total != 1 {
			noun = "matche"
		}
	}
	text := plural(l.Total, noun)
	if !l.Exact {
		text = "at least " + text
	}
	return text
}
