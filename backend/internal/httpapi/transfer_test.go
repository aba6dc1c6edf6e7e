package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"memcache/shared/api"
)

func (w *world) post(path, body string) answer {
	w.t.Helper()
	return w.do("POST", api.Base+path, strings.NewReader(body))
}

func TestCopyAndRename(t *testing.T) {
	w := start(t)
	w.want(w.put("a/1", "one"), 201)
	w.want(w.put("b", "two"), 201)
	copied := w.want(w.post("/objects/copy", `{"from":"a/1","to":"ü/2"}`), 201)
	if copied.Header.Get("Location") != "/objects/%C3%BC/2" || copied.Header.Get("Etag") == "" {
		t.Errorf("copied with %v", copied.Header)
	}
	w.wantProblem(w.post("/objects/rename", `{"from":"a/1","to":"b"}`), 412, "exists already")
	w.wantProblem(w.post("/objects/rename", `{"from":"a/1","to":"c","ifMatch":"\"older\""}`), 412, "ETag")
	w.want(w.post("/objects/rename", `{"from":"a/1","to":"b","replace":true}`), 200)
	if got := w.get("b").body; got != "one" {
		t.Errorf("b holds %q", got)
	}
	if got := w.get("ü/2").body; got != "one" {
		t.Errorf("the copy holds %q", got)
	}
	w.wantProblem(w.get("a/1"), 404)
	for body, status := range map[string]int{
		`{"from":"absent","to":"x"}`:            404,
		`{"from":"b","to":"b"}`:                 400,
		`{"from":"b","to":""}`:                  400,
		`{"from":"b"}`:                          400,
		`{"from":"b","to":"x","overwrite":1}`:   400,
		`{"from":"b","to":"x"} {"again": true}`: 400,
		``:                                      400,
		`{"from":"` + strings.Repeat("x", maxJSONBody) + `"}`: 413,
	} {
		w.wantProblem(w.post("/objects/copy", body), status)
	}
	if got := w.listed(); strings.Join(got, " ") != "b ü/2" {
		t.Errorf("there are %q", got)
	}
}

func TestDeleteMany(t *testing.T) {
	w := start(t)
	for _, key := range []string{"a", "b", "c"} {
		w.want(w.put(key, key), 201)
	}
	var got api.Deleted
	a := w.want(w.post("/objects/delete", `{"keys":["a","absent","c",""]}`), 200)
	must(t, json.Unmarshal([]byte(a.body), &got))
	if got.Deleted != 2 || len(got.Failed) != 2 ||
		got.Failed[0].Key != "absent" || got.Failed[0].Error.Code != api.NotFound ||
		got.Failed[1].Key != "" || got.Failed[1].Error.Code != api.Invalid {
		t.Errorf("the answer is %s", a.body)
	}
	if left := w.listed(); strings.Join(left, " ") != "b" {
		t.Errorf("left are %q", left)
	}
	w.wantProblem(w.post("/objects/delete", `{"keys":[]}`), 400)
	w.wantProblem(w.post("/objects/delete", `{"keys":["a"`+strings.Repeat(`,"a"`, 1000)+`]}`), 400, "1001")
	if a := w.want(w.do("GET", api.Base+"/objects/delete", nil), 405); a.Header.Get("Allow") != "POST" {
		t.Errorf("allowed is %q", a.Header.Get("Allow"))
	}
}
