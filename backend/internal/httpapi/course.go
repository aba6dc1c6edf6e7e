package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// The course API: what the testers of the original course project call. Its
// replies differ from ours in form: "success" is a string, and errors carry
// their status in the body. -course-api chooses between its two generations.

// formMemory is how much of an uploaded form is held in memory; the rest of it
// waits in a temporary file.
const formMemory = 1 << 20

// formOverhead is what a form may hold besides the file.
const formOverhead = 1 << 20

func (s *server) courseRoutes() []route {
	post := func(path string, change api.Scope, what string, h handler) route {
		return route{path: path, methods: map[string]handler{"POST": h}, fail: s.courseFail, change: change, audit: noted{"POST": what}, course: true}
	}
	return []route{
		post("/api/upload", api.ScopeWrite, "", s.upload(s.courseUpload)),
		post("/api/list_keys", api.ScopeRead, "", s.courseList),
		post("/api/key/", api.ScopeRead, "", s.courseKey),
		post("/api/delete_all", api.ScopeWrite, "everything deleted", s.courseDeleteAll),
		post("/api/getNumNodes", api.ScopeRead, "", s.courseNodes),
		post("/api/getRate", api.ScopeRead, "", s.courseRate),
		post("/api/configure_cache", api.ScopeAdmin, "cache settings changed", s.courseConfigure),
	}
}

type courseError struct {
	Success string `json:"success"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (s *server) courseFail(w http.ResponseWriter, r *http.Request, err error) {
	e, status := s.explain(w, r, err)
	body := courseError{Success: "false"}
	body.Error.Code, body.Error.Message = status, e.Message
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, r, status, body)
}

func courseReply(w http.ResponseWriter, r *http.Request, fields map[string]any) error {
	fields["success"] = "true"
	return reply(w, r, http.StatusOK, fields)
}

// courseKeyForm is the key as this generation of testers wants it.
func (s *server) courseKeyForm(key string) any {
	if s.CourseAPI == 2 {
		return key
	}
	return []string{key}
}

func (s *server) courseUpload(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, s.MaxObject+formOverhead)
	if err := r.ParseMultipartForm(formMemory); err != nil {
		return badForm(err)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	key := r.PostFormValue("key")
	if err := api.CheckKey(key); err != nil {
		return err
	}
	file, err := onlyFile(r.MultipartForm.File["file"])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := s.Objects.Put(r.Context(), key, file, storage.Cond{}); err != nil {
		return err
	}
	return courseReply(w, r, map[string]any{"key": s.courseKeyForm(key)})
}

func badForm(err error) error {
	if _, known := errors.AsType[*api.Error](err); known {
		return err
	}
	if isTooBig(err) || errors.Is(err, multipart.ErrMessageTooLarge) {
		return api.Errorf(api.TooLarge, "the form is too large or has too many parts: send the fields key and file").Because(err)
	}
	return api.Errorf(api.Invalid, "the form cannot be read (%v): send multipart/form-data with the fields key and file", err)
}

func onlyFile(files []*multipart.FileHeader) (multipart.File, error) {
	if len(files) != 1 {
		return nil, api.Errorf(api.Invalid, "the form has %d files in its field \"file\": send one", len(files))
	}
	return files[0].Open()
}

// courseList streams the keys, page by page: there may be millions.
func (s *server) courseList(w http.ResponseWriter, r *http.Request) error {
	q := api.ListQuery{Sort: api.SortKey, Limit: api.MaxListLimit}
	page, err := s.Objects.List(r.Context(), q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"success":"true","keys":[`)
	separator := ""
	for {
		for _, object := range page.Objects {
			key, _ := json.Marshal(object.Key)
			_, _ = fmt.Fprintf(w, "%s%s", separator, key)
			separator = ","
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
		if page, err = s.Objects.List(r.Context(), q); err != nil {
			s.cut(r, err)
		}
	}
	_, _ = io.WriteString(w, "]}\n")
	return nil
}

// cut ends a reply whose beginning is already sent, so that the client sees
// that it is not whole.
func (s *server) cut(r *http.Request, err error) {
	s.log.Error("reply cut short", "id", RequestID(r), "error", err)
	panic(http.ErrAbortHandler)
}

func (s *server) courseKey(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, "/api/key/")
	if err != nil {
		return err
	}
	content, err := s.open(r, key)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	head, _ := json.Marshal(s.courseKeyForm(key))
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"success":"true","key":%s,"content":"`, head)
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	n, err := io.Copy(encoder, content)
	s.Metrics.Sent(content.Source, n)
	if err != nil {
		s.cut(r, err)
	}
	_ = encoder.Close()
	_, _ = io.WriteString(w, "\"}\n")
	return nil
}

func (s *server) courseDeleteAll(w http.ResponseWriter, r *http.Request) error {
	deleted, err := s.Objects.DeleteAll(r.Context())
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "deleted", deleted)
	return courseReply(w, r, map[string]any{})
}

func (s *server) courseNodes(w http.ResponseWriter, r *http.Request) error {
	cache, err := s.Cache.Cache(r.Context())
	if err != nil {
		return err
	}
	return courseReply(w, r, map[string]any{"numNodes": len(cache.Nodes)})
}

// rateWindow is over how many seconds the testers' rates are.
const rateWindow = 60

func (s *server) courseRate(w http.ResponseWriter, r *http.Request) error {
	rate := r.FormValue("rate")
	if rate != "hit" && rate != "miss" {
		return api.Errorf(api.Invalid, "the rate %q is not known: ask for hit or miss", rate)
	}
	stats, err := s.Stats.Window(r.Context(), rateWindow, "")
	if err != nil {
		return err
	}
	value := stats.Total.MissRate
	if rate == "hit" {
		value = stats.Total.HitRate
	}
	return courseReply(w, r, map[string]any{"rate": rate, "value": value})
}

func (s *server) courseConfigure(w http.ResponseWriter, r *http.Request) error {
	if mode := r.FormValue("mode"); mode != "" && mode != "manual" {
		return api.Errorf(api.Invalid, "the mode %q is not known: use manual", mode)
	}
	before, err := s.Cache.Cache(r.Context())
	if err != nil {
		return err
	}
	change, err := courseChange(r, before)
	if err != nil {
		return err
	}
	after, err := s.resizeIfAsked(r, before)
	if err != nil {
		return err
	}
	after, err = s.configureIfAsked(r.Context(), change, after)
	if err != nil {
		return err
	}
	policy := r.FormValue("policy")
	if policy == "" {
		policy = coursePolicy(after.Policy)
	}
	return courseReply(w, r, map[string]any{
		"mode": "manual", "numNodes": len(after.Nodes), "cacheSize": after.Capacity / api.MB, "policy": policy,
	})
}

func (s *server) configureIfAsked(ctx context.Context, change api.CacheChange, before api.Cache) (api.Cache, error) {
	if change == (api.CacheChange{}) {
		return before, nil
	}
	return s.Cache.Configure(ctx, change)
}

func (s *server) resizeIfAsked(r *http.Request, before api.Cache) (api.Cache, error) {
	text := r.FormValue("numNodes")
	if text == "" || text == strconv.Itoa(len(before.Nodes)) {
		if r.FormValue("cacheSize") == "" && r.FormValue("policy") == "" {
			audit.Ordinary(r.Context()) // nothing is asked for
		}
		return before, nil
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		return before, api.Errorf(api.Invalid, "numNodes %q is not a number", text)
	}
	after, err := s.Cache.ResizePool(r.Context(), count)
	if err == nil {
		audit.Remark(r.Context(), "nodes", count)
	}
	return after, err
}

func courseChange(r *http.Request, now api.Cache) (api.CacheChange, error) {
	var change api.CacheChange
	if text := r.FormValue("cacheSize"); text != "" {
		mb, err := strconv.ParseInt(text, 10, 64)
		if err != nil || mb < now.MinCapacity/api.MB || mb > now.MaxCapacity/api.MB {
			return change, api.Errorf(api.Invalid, "cacheSize %q is not a whole number of MB from %d to %d", text, now.MinCapacity/api.MB, now.MaxCapacity/api.MB)
		}
		capacity := mb * api.MB
		change.Capacity = &capacity
	}
	if text := r.FormValue("policy"); text != "" {
		name := strings.ToLower(text)
		if text == "RR" {
			name = "random"
		}
		change.Policy = &name
	}
	return change, nil
}

// coursePolicy is the testers' name of a policy.
func coursePolicy(name string) string {
	switch name {
	case "random":
		return "RR"
	case "lru":
		return "LRU"
	}
	return name
}
