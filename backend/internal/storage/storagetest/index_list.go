package storagetest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// mustList lists with the defaults that the rules fill in.
func mustList(t *testing.T, x storage.Index, q api.ListQuery) storage.Page {
	t.Helper()
	q.Sort = cmp.Or(q.Sort, api.SortNewest)
	q.Limit = cmp.Or(q.Limit, api.DefaultListLimit)
	page, err := x.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List(%+v): %v", q, err)
	}
	if len(page.Objects) > q.Limit {
		t.Fatalf("List(%+v) gave %d rows", q, len(page.Objects))
	}
	return page
}

// walk returns the keys of all pages; between (if any) runs after each page.
func walk(t *testing.T, x storage.Index, q api.ListQuery, between func(page int)) []string {
	t.Helper()
	var keys []string
	for n := 0; ; n++ {
		page := mustList(t, x, q)
		keys = append(keys, keysOf(page)...)
		if page.Next == "" {
			return keys
		}
		if len(page.Objects) != q.Limit {
			t.Fatalf("page %d of %+v has %d rows and is not the last", n, q, len(page.Objects))
		}
		if n > 1000 {
			t.Fatalf("%+v has no end: the keys so far end in %q", q, keys[len(keys)-3:])
		}
		if between != nil {
			between(n)
		}
		q.After = page.Next
	}
}

// walkBack returns the keys of all pages from the last to the first, each page in
// the order of the list; q.After is where the last page begins.
func walkBack(t *testing.T, x storage.Index, q api.ListQuery) []string {
	t.Helper()
	page := mustList(t, x, q)
	keys := keysOf(page)
	for n := 0; page.Prev != ""; n++ {
		if n > 1000 {
			t.Fatalf("%+v has no beginning: the keys so far are %q", q, keys[:3])
		}
		q.After, q.From, q.Before = "", "", page.Prev
		page = mustList(t, x, q)
		keys = append(keysOf(page), keys...)
	}
	return keys
}

func keysOf(page storage.Page) []string {
	var keys []string
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func listEmpty(t *testing.T, x storage.Index) {
	for _, sort := range api.Sorts {
		page := mustList(t, x, api.ListQuery{Sort: sort})
		if len(page.Objects) != 0 || page.Next != "" || page.Total != 0 || !page.Exact {
			t.Errorf("%s: %+v", sort, page)
		}
	}
}

// tied puts rows of which many share a time, a size and a type, and returns
// their keys in each order.
func tied(t *testing.T, x storage.Index) map[string][]string {
	var rows []storage.Object
	for i, key := range []string{"b", "a/2", "B", "a/10", "\u00e9", "c", "a", "z", "\U0001F600", "Z", "a/1"} {
		o := row(key, i/4)
		o.Size, o.Type = int64(i%3)<<40, []string{"image/png", "application/octet-stream", "text/plain; charset=utf-8"}[i/2%3]
		rows = append(rows, o)
		mustPut(t, x, o)
	}
	byKey := func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) }
	byTime := func(a, b storage.Object) int { return a.Modified.Compare(b.Modified) }
	bySize := func(a, b storage.Object) int { return cmp.Or(cmp.Compare(a.Size, b.Size), byKey(a, b)) }
	byType := func(a, b storage.Object) int { return cmp.Or(strings.Compare(a.Type, b.Type), byKey(a, b)) }
	orders := map[string]func(a, b storage.Object) int{
		api.SortNewest:   func(a, b storage.Object) int { return cmp.Or(byTime(b, a), byKey(a, b)) },
		api.SortOldest:   func(a, b storage.Object) int { return cmp.Or(byTime(a, b), byKey(a, b)) },
		api.SortKey:      byKey,
		api.SortKeyDown:  func(a, b storage.Object) int { return byKey(b, a) },
		api.SortSmallest: bySize,
		api.SortLargest:  func(a, b storage.Object) int { return bySize(b, a) },
		api.SortType:     byType,
		api.SortTypeDown: func(a, b storage.Object) int { return byType(b, a) },
	}
	want := map[string][]string{}
	for _, sort := range api.Sorts {
		slices.SortFunc(rows, orders[sort])
		want[sort] = keysOf(storage.Page{Objects: rows})
	}
	return want
}

func listOrders(t *testing.T, x storage.Index) {
	for sort, want := range tied(t, x) {
		page := mustList(t, x, api.ListQuery{Sort: sort})
		if got := keysOf(page); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", sort, got, want)
		}
		if page.Next != "" || page.Total != int64(len(want)) || !page.Exact {
			t.Errorf("%s: next %q, total %d, exact %t", sort, page.Next, page.Total, page.Exact)
		}
	}
	// A new version moves its key to the front of the newest.
	mustPut(t, x, row("B", 1000))
	if got := keysOf(mustList(t, x, api.ListQuery{Limit: 1})); !slices.Equal(got, []string{"B"}) {
		t.Errorf("the newest is %q", got)
	}
}

func listPages(t *testing.T, x storage.Index) {
	for sort, want := range tied(t, x) {
		for limit := 1; limit <= len(want)+1; limit++ {
			if got := walk(t, x, api.ListQuery{Sort: sort, Limit: limit}, nil); !slices.Equal(got, want) {
				t.Errorf("%s in pages of %d: %q, want %q", sort, limit, got, want)
			}
		}
		page := mustList(t, x, api.ListQuery{Sort: sort, Limit: 2})
		second := mustList(t, x, api.ListQuery{Sort: sort, Limit: 2, After: page.Next})
		if second.Total != int64(len(want)) {
			t.Errorf("the total on the second page is %d, want %d", second.Total, len(want))
		}
	}
}

// listPagesBackwards walks from the last page to the first, and from one in the
// middle in both directions.
func listPagesBackwards(t *testing.T, x storage.Index) {
	for sort, want := range tied(t, x) {
		first := mustList(t, x, api.ListQuery{Sort: sort, Limit: 1})
		if first.Prev != "" {
			t.Errorf("%s: before the first page there is %q", sort, first.Prev)
		}
		for limit := 1; limit <= len(want)+1; limit++ {
			if got := walkBack(t, x, api.ListQuery{Sort: sort, Limit: limit, After: first.Next}); !slices.Equal(got, want[:min(1+limit, len(want))]) {
				t.Errorf("%s backwards in pages of %d: %q, want %q", sort, limit, got, want)
			}
		}
		last := mustList(t, x, api.ListQuery{Sort: sort, Limit: len(want) - 1})
		back := mustList(t, x, api.ListQuery{Sort: sort, Limit: 3, Before: mustList(t, x, api.ListQuery{Sort: sort, After: last.Next}).Prev})
		if got := keysOf(back); !slices.Equal(got, want[len(want)-4:len(want)-1]) || back.Total != int64(len(want)) {
			t.Errorf("%s: before the last row are %q of %d, want %q", sort, got, back.Total, want[len(want)-4:len(want)-1])
		}
		if got := keysOf(mustList(t, x, api.ListQuery{Sort: sort, Limit: 3, After: back.Next})); !slices.Equal(got, want[len(want)-1:]) {
			t.Errorf("%s: after those before the last row is %q", sort, got)
		}
	}
}

func listFromAKey(t *testing.T, x storage.Index) {
	tied(t, x)
	for _, c := range []struct{ sort, from, want string }{
		{api.SortKey, "a", "a"},
		{api.SortKey, "a/", "a/1"},
		{api.SortKey, "a/11", "a/2"},
		{api.SortKey, "C", "Z"},
		{api.SortKey, "\u00e8", "\u00e9"},
		{api.SortKey, "\U0001F601", ""},
		{api.SortKeyDown, "a", "a/2"},
		{api.SortKeyDown, "a/1", "a/10"},
		{api.SortKeyDown, "C", "B"},
		{api.SortKeyDown, "\U0010FFFF", "\U0001F600"},
		{api.SortKeyDown, "A", ""},
	} {
		page := mustList(t, x, api.ListQuery{Sort: c.sort, From: c.from, Limit: 2})
		got := ""
		if len(page.Objects) > 0 {
			got = page.Objects[0].Key
		}
		if got != c.want || page.Total != 11 || !page.Exact {
			t.Errorf("%s from %q: %q of %d, want %q of 11", c.sort, c.from, got, page.Total, c.want)
		}
		all := keysOf(mustList(t, x, api.ListQuery{Sort: c.sort}))
		if whole := append(walkBack(t, x, api.ListQuery{Sort: c.sort, Limit: 2, Before: page.Prev}), keysOf(page)...); c.want != "" {
			upTo := slices.Index(all, c.want)
			if !slices.Equal(whole, all[:upTo+len(page.Objects)]) {
				t.Errorf("%s from %q: with those before it are %q, want %q", c.sort, c.from, whole, all[:upTo+len(page.Objects)])
			}
		}
	}
}

// listWhileRowsChange checks that a row that stays is listed exactly once, also
// when the very row at a page's end goes.
func listWhileRowsChange(t *testing.T, x storage.Index) {
	for _, sort := range api.Sorts {
		if _, err := x.DeleteAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		var stable []string
		for i := range 40 {
			mustPut(t, x, row(fmt.Sprintf("%02d passing", i), i/8))
			stable = append(stable, fmt.Sprintf("%02d stable", i))
			mustPut(t, x, row(stable[i], i/8))
		}
		got := walk(t, x, api.ListQuery{Sort: sort, Limit: 7}, func(page int) {
			for i := page * 4; i < min(page*4+4, 40); i++ {
				if err := x.Delete(t.Context(), fmt.Sprintf("%02d passing", i)); err != nil {
					t.Fatal(err)
				}
			}
			mustPut(t, x, row(fmt.Sprintf("%02d passing, new", page), page))
		})
		got = slices.DeleteFunc(got, func(key string) bool { return !strings.HasSuffix(key, "stable") })
		if got = sorted(got); !slices.Equal(got, stable) {
			t.Errorf("%s: the rows that stayed were listed as %q", sort, got)
		}
	}
}

func listPrefix(t *testing.T, x storage.Index) {
	keys := []string{
		"a", "a/", "a/b", "a/B", "A/b", "a/b/c", "a0", "ab", "a%", "a%b", "a_", "ax_", "\u00ff", "\u00ffx", "\u0100",
		"\U0010ffff", "\U0010ffffx", "\U0010fffe", "a ", "a  b",
	}
	for i, key := range keys {
		mustPut(t, x, row(key, i%3))
	}
	for _, prefix := range append(slices.Clone(keys), "absent", "a/b/", "a/b/c/d", "\u00fe") {
		var want []string
		for _, key := range sorted(keys) {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		for _, sort := range api.Sorts {
			got := walk(t, x, api.ListQuery{Sort: sort, Prefix: prefix, Limit: 2}, nil)
			if !slices.Equal(sorted(got), sorted(want)) {
				t.Errorf("%s, prefix %q: %q, want %q", sort, prefix, got, want)
			}
		}
		if page := mustList(t, x, api.ListQuery{Prefix: prefix, Limit: 1}); page.Total != int64(len(want)) || !page.Exact {
			t.Errorf("prefix %q: total %d, exact %t; want %d", prefix, page.Total, page.Exact, len(want))
		}
	}
}

// contains tells whether key contains needle, ASCII letters in either case.
func contains(key, needle string) bool {
	fold := func(s string) string {
		b := []byte(s)
		for i, c := range b {
			if 'A' <= c && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
		return string(b)
	}
	return strings.Contains(fold(key), fold(needle))
}

func listSearch(t *testing.T, x storage.Index) {
	keys := append(slices.Clone(exactKeys), "Holiday Photo.JPG", "photo", "PHOTO%1", `C:\temp\new`, "O'Brien", `say "hi"`, "\u00c9COLE", "\u00e9cole")
	for i, key := range keys {
		mustPut(t, x, row(key, i))
	}
	needles := append(slices.Clone(keys), "hoto", "PhOtO", "%1", "_b", `\n`, `\t`, `' OR '1'='1`, "'b", `"H`, "%%", "__", "*", "[a]", "cole", "aaa",
		"\u0301", "\u200d", "\u05dc\u05d5", "abcdefghijklmnopqrstuvwxyz")
	for _, needle := range needles {
		var want []string
		for _, key := range keys {
			if contains(key, needle) {
				want = append(want, key)
			}
		}
		page := mustList(t, x, api.ListQuery{Search: needle, Sort: api.SortKey})
		if got := keysOf(page); !slices.Equal(got, sorted(want)) {
			t.Errorf("search %q: %q, want %q", needle, got, sorted(want))
		}
		if page.Total != int64(len(want)) || !page.Exact {
			t.Errorf("search %q: total %d, exact %t; want %d", needle, page.Total, page.Exact, len(want))
		}
	}
}

func listPagesOfMatches(t *testing.T, x storage.Index) {
	var want []string
	for i := range 60 {
		key := fmt.Sprintf("%s/Photo %02d", []string{"in", "out"}[i%2], i)
		if i%3 == 0 {
			key = strings.ReplaceAll(key, "Photo", "Text")
		}
		mustPut(t, x, row(key, i/7))
		if strings.HasPrefix(key, "in/Photo") {
			want = append(want, key)
		}
	}
	for _, sort := range api.Sorts {
		got := walk(t, x, api.ListQuery{Sort: sort, Prefix: "in/", Search: "PHOTO", Limit: 3}, nil)
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s: %q, want %q", sort, got, want)
		}
	}
}

func listBrokenCursor(t *testing.T, x storage.Index) {
	for i := range 4 {
		mustPut(t, x, row(fmt.Sprint(i), i))
	}
	next := mustList(t, x, api.ListQuery{Sort: api.SortNewest, Limit: 2}).Next
	if next == "" || next != strings.Trim(next, "=+/ ") {
		t.Fatalf("the cursor %q is not base64url without padding", next)
	}
	encode := base64.RawURLEncoding.EncodeToString
	broken := map[string]string{
		"not base64": "!!!", "text": "abc", "cut": next[:len(next)/2], "padded": next + "=", "spaced": " " + next,
		"no key": encode([]byte("n\x00\x00\x00\x00\x00\x00\x00\x00")), "binary": encode([]byte("\xff\xfe\x00")),
		"NUL in key": encode([]byte("n\x00\x00\x00\x00\x00\x00\x00\x00a\x00b")), "long": strings.Repeat("A", 100_000),
		"SQL": "' OR 1=1 --",
	}
	for name, after := range broken {
		wantInvalid(t, x, name, api.ListQuery{Sort: api.SortNewest, Limit: 2, After: after})
	}
	for _, sort := range api.Sorts {
		for _, other := range api.Sorts {
			if sort != other {
				after := mustList(t, x, api.ListQuery{Sort: sort, Limit: 2}).Next
				wantInvalid(t, x, sort+" in the order "+other, api.ListQuery{Sort: other, Limit: 2, After: after})
			}
		}
	}
}

func wantInvalid(t *testing.T, x storage.Index, name string, q api.ListQuery) {
	t.Helper()
	page, err := x.List(t.Context(), q)
	if err == nil || api.AsError(err).Code != api.Invalid {
		t.Errorf("cursor %s: %+v, %v; want an invalid error", name, page, err)
	} else if len(err.Error()) > 1000 {
		t.Errorf("cursor %s: an error of %d bytes", name, len(err.Error()))
	}
}
