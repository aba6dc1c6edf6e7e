package pages

import (
	"slices"
	"strconv"
	"strings"
)

// tidy rewrites markup that go-app has drawn, so that it is the same every time
// and shows the same as what the program will mount:
//
//   - attributes, which go-app writes in random order, are sorted;
//   - quotes in their values are escaped as in HTML, not as in Go;
//   - attributes such as aria-hidden get the "true" back that go-app drops;
//   - the line breaks that go-app puts between elements are removed.
//
// It also returns the tags that the Content-Security-Policy forbids.
func tidy(markup string) (tidied string, forbidden []string) {
	var b strings.Builder
	for markup != "" {
		open := strings.IndexByte(markup, '<')
		if open < 0 {
			open = len(markup)
		}
		b.WriteString(strings.Trim(markup[:open], "\n"))
		markup = markup[open:]
		if markup == "" {
			break
		}
		var t tag
		t, markup = cutTag(markup)
		if t.forbidden() {
			forbidden = append(forbidden, t.String())
		}
		b.WriteString(t.String())
	}
	return b.String(), forbidden
}

// tag is a start or end tag, or a comment, which has neither attributes nor a
// closing slash.
type tag struct {
	name       string // with the slash of an end tag
	attributes []attribute
	end        string // ">" or "/>"
}

type attribute struct {
	name, value string
	hasValue    bool
}

// cutTag takes the tag off the beginning of markup, which is "<".
func cutTag(markup string) (t tag, rest string) {
	if strings.HasPrefix(markup, "<!--") {
		comment, rest, _ := strings.Cut(markup[1:], "-->")
		return tag{name: comment + "--", end: ">"}, rest
	}
	n := 1 + strings.IndexAny(markup[1:]+">", " \n\t/>")
	if strings.HasPrefix(markup, "</") {
		n = strings.IndexByte(markup+">", '>')
	}
	t, rest = tag{name: markup[1:n], end: ">"}, markup[n:]
	for {
		rest = strings.TrimLeft(rest, " \n\t")
		switch {
		case rest == "":
			return t, ""
		case rest[0] == '>':
			return t, rest[1:]
		case rest[0] == '/':
			t.end, rest = "/>", rest[1:]
		default:
			var a attribute
			a, rest = cutAttribute(rest)
			t.attributes = append(t.attributes, a)
		}
	}
}

func cutAttribute(markup string) (a attribute, rest string) {
	n := strings.IndexAny(markup+">", " \n\t=/>")
	a.name, rest = markup[:n], markup[n:]
	rest, a.hasValue = strings.CutPrefix(rest, "=")
	if !a.hasValue {
		return a, rest
	}
	if !strings.HasPrefix(rest, `"`) {
		n := strings.IndexAny(rest+">", " \n\t>")
		a.value = rest[:n]
		return a, rest[n:]
	}
	// go-app quotes as Go does; markup of our own is quoted as in HTML, which
	// is the same unless there is a backslash in it.
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		a.value, _ = strconv.Unquote(quoted)
		return a, rest[len(quoted):]
	}
	a.value, rest, _ = strings.Cut(rest[1:], `"`)
	return a, rest
}

// needTrue are the attributes to which a missing value does not mean "true".
var needTrue = []string{
	"aria-atomic", "aria-busy", "aria-checked", "aria-current", "aria-disabled", "aria-expanded", "aria-haspopup",
	"aria-hidden", "aria-invalid", "aria-modal", "aria-multiselectable", "aria-pressed", "aria-required", "aria-selected",
	"draggable",
}

func (t tag) String() string {
	slices.SortFunc(t.attributes, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("<" + t.name)
	for _, a := range t.attributes {
		if !a.hasValue && slices.Contains(needTrue, a.name) {
			a.value, a.hasValue = "true", true
		}
		b.WriteString(" " + a.name)
		if a.hasValue {
			b.WriteString(`="` + strings.ReplaceAll(a.value, `"`, "&quot;") + `"`)
		}
	}
	b.WriteString(t.end)
	return b.String()
}

// forbidden tells whether the tag carries script or style.
func (t tag) forbidden() bool {
	inline := slices.ContainsFunc(t.attributes, func(a attribute) bool {
		return a.name == "style" || strings.HasPrefix(a.name, "on")
	})
	return inline || t.name == "script" || t.name == "style"
}
