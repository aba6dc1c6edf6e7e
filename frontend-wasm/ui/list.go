package ui

import (
	"net/url"
	"slices"
	"strings"

	"memcache/shared/api"
)

// How many rows a reading of the list brings: few at first, so that they are
// there soon.
const (
	firstRows = 100
	moreRows  = 200
)

// The ways to draw the list.
const (
	viewList = "list"
	viewGrid = "grid"
)

// listQuery is what the address says of the list.
type listQuery struct {
	Search string
	Sort   string // of api.Sorts, never ""
	View   string // viewList or viewGrid
	From   string // what the first key begins with, in the orders by key; "" for the beginning
}

// parseListQuery reads the address; what it does not know is the default.
func parseListQuery(v url.Values) listQuery {
	q := listQuery{Search: v.Get("search"), Sort: v.Get("sort"), View: v.Get("view"), From: v.Get("from")}
	if !slices.Contains(api.Sorts, q.Sort) {
		q.Sort = api.SortNewest
	}
	if q.View != viewGrid {
		q.View = viewList
	}
	if !q.byKey() {
		q.From = ""
	}
	return q
}

// byKey tells whether the order is one in which keys with one beginning follow
// each other.
func (q listQuery) byKey() bool { return q.Sort == api.SortKey || q.Sort == api.SortKeyDown }

// path is the address of the list.
func (q listQuery) path() string {
	v := url.Values{}
	for name, value := range map[string]string{"search": q.Search, "from": q.From} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Sort != api.SortNewest {
		v.Set("sort", q.Sort)
	}
	if q.View != viewList {
		v.Set("view", q.View)
	}
	if len(v) == 0 {
		return pathObjects
	}
	return pathObjects + "?" + v.Encode()
}

// first tells whether it is the list as it opens, in whatever way it is drawn.
func (q listQuery) first() bool { return q.rows() == listQuery{Sort: api.SortNewest} }

// rows is the query without what makes no difference to which rows there are.
func (q listQuery) rows() listQuery {
	q.View = ""
	return q
}

func (q listQuery) api() api.ListQuery {
	return api.ListQuery{Search: q.Search, Sort: q.Sort, From: q.From, Limit: firstRows}
}

// sameRows tells whether fresh shows nothing new to one who sees old: rows at its
// end may have come closer after others were deleted here.
func sameRows(old, fresh api.List) bool {
	n := len(old.Objects)
	return old.Total == fresh.Total && old.Exact == fresh.Exact && n <= len(fresh.Objects) && slices.Equal(old.Objects, fresh.Objects[:n])
}

// totalText writes how many keys there are.
func totalText(total int64, exact bool, search string) string {
	switch {
	case search != "" && exact:
		return tn(total, "%s match", "%s matches")
	case search != "":
		return tn(total, "at least %s match", "at least %s matches")
	case exact:
		return tn(total, "%s object", "%s objects")
	}
	return tn(total, "at least %s object", "at least %s objects")
}

// starts are the places to jump to: what all keys have in common, and what comes
// after that.
type starts struct {
	Common string
	Next   []string // one character each; "" for the key that has nothing after Common
}

// splitStarts takes apart what the server found.
func splitStarts(found api.Starts) starts {
	var s starts
	if len(found.Starts) < 2 {
		return s // there is no choice
	}
	longest := slices.MaxFunc(found.Starts, func(a, b string) int { return len([]rune(a)) - len([]rune(b)) })
	r := []rune(longest)
	s.Common = string(r[:len(r)-1])
	for _, start := range found.Starts {
		s.Next = append(s.Next, strings.TrimPrefix(start, s.Common))
	}
	return s
}
