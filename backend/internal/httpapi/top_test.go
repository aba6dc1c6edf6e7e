package httpapi

import (
	"strings"
	"testing"
)

func TestKeysThatStandOut(t *testing.T) {
	w := start(t)
	top := w.want(w.do("GET", "/api/v1/cache/top", nil), 200).body
	if !strings.Contains(top, `"largest":[]`) || !strings.Contains(top, `"key":"object a"`) || !strings.Contains(top, `"hits":3`) || !strings.Contains(top, `"without":["plain"]`) {
		t.Errorf("the top is %s", top)
	}
	gone := w.want(w.do("GET", "/api/v1/cache/evictions", nil), 200).body
	if !strings.Contains(gone, `{"t":9000,"key":"object b","size":0,"age":2,"idle":2,"read":false,"why":"room"}`) {
		t.Errorf("the evictions are %s", gone)
	}
}
