package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"memcache/shared/api"
)

// openAPI is what the tests need of the description.
type openAPI struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"` // by path and method; "parameters" is among the methods
	Components struct {
		Responses map[string]documented      `json:"responses"`
		Schemas   map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`

	schemas *jsonschema.Compiler
	mu      sync.Mutex // of schemas
}

// documented is a reply of the description, or a reference to one.
type documented struct {
	Ref     string                     `json:"$ref"`
	Content map[string]json.RawMessage `json:"content"`
}

var spec = sync.OnceValue(func() *openAPI {
	var doc openAPI
	if err := json.Unmarshal(description, &doc); err != nil {
		panic(err)
	}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(description))
	if err != nil {
		panic(err)
	}
	doc.schemas = jsonschema.NewCompiler()
	doc.schemas.DefaultDraft(jsonschema.Draft2020)
	if err := doc.schemas.AddResource("openapi.json", raw); err != nil {
		panic(err)
	}
	return &doc
})

// check checks body against the schema at a JSON pointer of the description.
func (d *openAPI) check(pointer string, body any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	schema, err := d.schemas.Compile("openapi.json#" + pointer)
	if err != nil {
		return err
	}
	return schema.Validate(body)
}

// described tells whether the description has the reply. What is no route has no
// description; its errors are problem documents all the same.
func described(method, target string, a answer) error {
	path, _, _ := strings.Cut(target, "?")
	if a.StatusCode == http.StatusRequestHeaderFieldsTooLarge || !ours(path) {
		return nil // from net/http, which never shows it to us; a page
	}
	pattern, ok := spec().pattern(path)
	if operation, has := spec().Paths[pattern][strings.ToLower(method)]; ok && has {
		return spec().reply(pattern, strings.ToLower(method), operation, a)
	}
	if method == http.MethodHead || a.StatusCode < 400 {
		return nil
	}
	form := "Problem"
	if ok && strings.HasPrefix(pattern, "/api/") && !strings.HasPrefix(pattern, api.Base) {
		form = "CourseError"
	}
	return spec().content("/components/responses/"+form, spec().Components.Responses[form], a)
}

func ours(path string) bool {
	for _, prefix := range []string{"/objects", "/api", api.SharedPath, "/healthz", "/readyz", "/metrics"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// pattern finds the path's pattern as the server does.
func (d *openAPI) pattern(path string) (string, bool) {
	if d.Paths[path] != nil {
		return path, true
	}
	for pattern := range d.Paths {
		if prefix, keyed := strings.CutSuffix(pattern, "{key}"); keyed && strings.HasPrefix(path, prefix) {
			return pattern, true
		}
	}
	return "", false
}

func (d *openAPI) reply(pattern, method string, operation json.RawMessage, a answer) error {
	var of struct {
		Responses map[string]documented `json:"responses"`
	}
	if err := json.Unmarshal(operation, &of); err != nil {
		return err
	}
	status := strconv.Itoa(a.StatusCode)
	reply, ok := of.Responses[status]
	if !ok && a.StatusCode >= 400 {
		status, ok = "default", true
		reply = of.Responses[status]
	}
	if !ok {
		return errors.New("the status is not described")
	}
	pointer := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(pattern) + "/" + method + "/responses/" + status
	if name, isRef := strings.CutPrefix(reply.Ref, "#/components/responses/"); isRef {
		pointer, reply = "/components/responses/"+name, d.Components.Responses[name]
	}
	return d.content(pointer, reply, a)
}

// content checks the body against the schema of its media type.
func (d *openAPI) content(pointer string, reply documented, a answer) error {
	if len(reply.Content) == 0 {
		if a.body != "" {
			return errors.New("it has a body")
		}
		return nil
	}
	if reply.Content["*/*"] != nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || reply.Content[kind] == nil {
		return fmt.Errorf("the type %q is not one of %q", a.Header.Get("Content-Type"), slices.Collect(maps.Keys(reply.Content)))
	}
	if strings.HasPrefix(kind, "image/") {
		return nil // any bytes
	}
	text := io.Reader(strings.NewReader(a.body))
	if a.Header.Get("Content-Encoding") == "gzip" {
		if text, err = gzip.NewReader(text); err != nil {
			return err
		}
	}
	body, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		return err
	}
	return d.check(pointer+"/content/"+strings.ReplaceAll(kind, "/", "~1")+"/schema", body)
}

// TestDescriptionAndRoutesAgree: every route and method is described, and
// nothing else.
func TestDescriptionAndRoutesAgree(t *testing.T) {
	s := &server{}
	served := []string{"GET " + api.LivePath}
	for _, to := range append(s.nativeRoutes(), s.courseRoutes()...) {
		path := to.path
		if strings.HasSuffix(path, "/") {
			path += "{key}"
		}
		for method := range to.methods {
			served = append(served, method+" "+path)
		}
	}
	var told []string
	for path, operations := range spec().Paths {
		for method := range operations {
			if method != "parameters" {
				told = append(told, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(told)
	if !slices.Equal(served, told) {
		t.Errorf("served are %q, described are %q", served, told)
	}
}

// TestDescriptionIsServed, and its lists are those of the program.
func TestDescriptionIsServed(t *testing.T) {
	w := start(t)
	a := w.want(w.do("GET", "/api/v1/openapi.json", nil), 200)
	if a.body != string(description) || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q: %.100s", a.Header.Get("Content-Type"), a.body)
	}
	if version := spec().OpenAPI; version != "3.1.0" {
		t.Errorf("it is in version %q", version)
	}
	for code := range statuses {
		if err := spec().check("/components/schemas/Code", string(code)); err != nil {
			t.Errorf("the code %q is not described: %v", code, err)
		}
	}
	const sort = "/paths/~1api~1v1~1objects/get/parameters/2/schema"
	for _, name := range api.Sorts {
		if err := spec().check(sort, name); err != nil {
			t.Errorf("the order %q is not described: %v", name, err)
		}
	}
	if spec().check(sort, "best") == nil || spec().check("/components/schemas/Code", "best") == nil {
		t.Error("the description allows everything")
	}
}

// TestExamplesAreRight: those in the description are as its schemas say.
func TestExamplesAreRight(t *testing.T) {
	examples := 0
	for name, raw := range spec().Components.Schemas {
		if err := spec().check("/components/schemas/"+name, nil); err == nil {
			t.Errorf("the schema %s allows null", name)
		}
		var schema struct {
			Examples []any `json:"examples"`
		}
		must(t, json.Unmarshal(raw, &schema))
		for _, example := range schema.Examples {
			examples++
			if err := spec().check("/components/schemas/"+name, example); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
		}
	}
	if examples < 3 {
		t.Errorf("%d examples were checked", examples)
	}
}

// TestEveryReplyIsDescribed asks each operation for its usual reply; what the
// other tests ask for is checked as well, by world.do.
func TestEveryReplyIsDescribed(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Parts = []Part{{Name: "database", Check: func(context.Context) error { return nil }}}
	})
	w.want(w.put("a", "hello"), 201)
	w.want(w.put("p", picture(t, 20, 20, color.White)), 201)
	files, filesKind := formOf(t, "xyz", part{"f", "b", "hi"}, part{"key", "", strings.Repeat("b", 1025)}, part{"f", "c", "hi"})
	upload, uploadKind := form(t, []string{"key", "k"}, []string{"file", "hi"})
	asked := map[string]bool{"get " + api.LivePath: true} // package live tests it
	for _, line := range []string{
		"get /objects/a", "head /objects/a", "put /objects/a 200 new", "put /objects/b%2Fc 201 new", "delete /objects/b%2Fc 204",
		"get /objects?key=a", "head /objects?key=a", "put /objects?key=.. 201 new", "delete /objects?key=.. 204",
		"get /api/v1/objects?limit=1", "get /api/v1/objects/starts", "post /api/v1/objects 200 " + files.String(),
		`post /api/v1/objects/copy 201 {"from":"a","to":"a2"}`, `post /api/v1/objects/rename 201 {"from":"a2","to":"a3"}`,
		`post /api/v1/objects/delete 200 {"keys":["a3","none"]}`,
		"get /api/v1/cache", `put /api/v1/cache 200 {"policy":"lru"}`, "get /api/v1/stats",
		"get /api/v1/thumbnails/p?size=128", "get /api/v1/thumbnails?key=p",
		`post /api/v1/objects/restore 200 {"keys":["a3"]}`,
		`post /api/v1/archives 201 {"keys":["a"]}`, "get /api/v1/archives 404", "get /api/v1/cache/items?key=a 503", "get /api/v1/cache/items/a 503",
		`post /api/v1/cache/nodes 200 {"address":"unix:/there"}`, "delete /api/v1/cache/nodes?address=unix:/there", `put /api/v1/cache/nodes 400 {"nodes":2}`,
		"delete /api/v1/cache/items 204", "delete /api/v1/cache/items/a 204",
		"get /api/v1/autopilot", `put /api/v1/autopilot 200 {"on":true}`, `post /api/v1/autopilot/undo 404 {"id":1}`,
		"get /api/v1/cache/top", "get /api/v1/cache/evictions", "get /api/v1/insight", "get /api/v1/insight/history?hours=2", `post /api/v1/recording 201 {"seconds":60}`, "get /api/v1/recording",
		"delete /api/v1/recording", "get /api/v1/recording/file",
		"get /api/v1/login", `post /api/v1/login 404 {"password":""}`, "delete /api/v1/login 404", "get /api/v1/security 404", `post /api/v1/security/tokens 404 {}`,
		`post /api/v1/security/links 404 {}`, "delete /api/v1/security/logins/x 404", // login_test.go has a server with logins
		"get /api/v1/login/passkey 404", "get /api/v1/security/passkeys 404", `post /api/v1/security/passkeys 404 {}`,
		`post /api/v1/shares 201 {"key":"a","seconds":60}`, "get /shared 403", "delete /api/v1/shares/all 204", // shares_test.go has good links
		"get /api/v1/openapi.json", "get /healthz", "get /readyz", "get /metrics",
		"post /api/upload 200 " + upload.String(), "post /api/list_keys", "post /api/key/k", "post /api/getNumNodes",
		"post /api/getRate?rate=hit", "post /api/configure_cache?policy=LRU", "post /api/delete_all",
	} {
		fields := strings.SplitN(line, " ", 4)
		fields = append(fields, []string{"200", ""}[len(fields)-2:]...)
		method, target, status, body := fields[0], fields[1], fields[2], fields[3]
		kind := map[string]string{"/api/v1/objects": filesKind, "/api/upload": uploadKind}[target]
		code, err := strconv.Atoi(status)
		must(t, err)
		w.want(w.do(strings.ToUpper(method), target, strings.NewReader(body), "Content-Type", kind), code)
		path, _, _ := strings.Cut(target, "?")
		pattern, _ := spec().pattern(path)
		asked[method+" "+pattern] = true
	}
	for path, operations := range spec().Paths {
		for method := range operations {
			if method != "parameters" && !asked[method+" "+path] {
				t.Errorf("%s %s was not asked", method, path)
			}
		}
	}
}
