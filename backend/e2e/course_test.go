package e2e

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// courseForm posts a form with a key and a file, as the course's testers do.
func (s *site) courseForm(path, key, file string, content []byte) (*http.Response, map[string]any) {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if key != "" {
		_ = form.WriteField("key", key)
	}
	if file != "" {
		part, err := form.CreateFormFile("file", file)
		if err != nil {
			s.t.Fatal(err)
		}
		_, _ = part.Write(content)
	}
	_ = form.Close()
	return s.course(path, form.FormDataContentType(), body.String())
}

func (s *site) course(path, contentType, body string) (*http.Response, map[string]any) {
	s.t.Helper()
	resp, err := http.Post(s.url+path, contentType, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatalf("POST %s answered %s, which is not JSON: %v", path, resp.Status, err)
	}
	return resp, answer
}

// expect posts to path and compares the JSON answer with want.
func (s *site) expect(path, want string) {
	s.t.Helper()
	_, got := s.course(path, "application/x-www-form-urlencoded", "")
	s.compare(path, got, want)
}

func (s *site) compare(path string, got map[string]any, want string) {
	s.t.Helper()
	var wanted map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		s.t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(wanted)
	if !bytes.Equal(a, b) {
		s.t.Errorf("POST %s answered\n%s, want\n%s", path, a, b)
	}
}

func TestCourseAPI(t *testing.T) {
	t.Parallel()
	generations := []struct {
		args []string
		key  string // the form of the key "a/b c"
	}{
		{nil, `["a/b c"]`},
		{[]string{"-course-api=1"}, `["a/b c"]`},
		{[]string{"-course-api=2"}, `"a/b c"`},
	}
	for _, g := range generations {
		t.Run(strings.Join(g.args, " "), func(t *testing.T) {
			t.Parallel()
			s := start(t, g.args...)
			s.expect("/api/list_keys", `{"success":"true","keys":[]}`)
			_, got := s.courseForm("/api/upload", "a/b c", "noextension", []byte("hello"))
			s.compare("/api/upload", got, `{"success":"true","key":`+g.key+`}`)
			_, _ = s.courseForm("/api/upload", "zwei", "x.png", []byte{0, 255})
			s.expect("/api/list_keys", `{"success":"true","keys":["a/b c","zwei"]}`)
			for range 2 { // from disk, then from the cache
				s.expect("/api/key/a%2Fb%20c", `{"success":"true","key":`+g.key+`,"content":"aGVsbG8="}`)
			}
			s.expect("/api/key/a/b%20c", `{"success":"true","key":`+g.key+`,"content":"aGVsbG8="}`)
			s.expect("/api/getNumNodes", `{"success":"true","numNodes":1}`)
			s.expect("/api/configure_cache?mode=manual&numNodes=1&cacheSize=3&policy=RR",
				`{"success":"true","mode":"manual","numNodes":1,"cacheSize":3,"policy":"RR"}`)
			s.expect("/api/configure_cache?cacheSize=5",
				`{"success":"true","mode":"manual","numNodes":1,"cacheSize":5,"policy":"RR"}`)
			_, got = s.course("/api/configure_cache", "application/x-www-form-urlencoded", "policy=LRU")
			s.compare("/api/configure_cache", got, `{"success":"true","mode":"manual","numNodes":1,"cacheSize":5,"policy":"LRU"}`)
			s.courseRates()
			s.expect("/api/delete_all", `{"success":"true"}`)
			s.expect("/api/list_keys", `{"success":"true","keys":[]}`)
			s.stop()
		})
	}
}

// courseRates expects that both rates are numbers that add up.
func (s *site) courseRates() {
	s.t.Helper()
	sum := 0.0
	for _, rate := range []string{"hit", "miss"} {
		_, got := s.course("/api/getRate?rate="+rate, "application/x-www-form-urlencoded", "")
		value, ok := got["value"].(float64)
		if got["success"] != "true" || got["rate"] != rate || !ok || value < 0 || value > 1 {
			s.t.Errorf("getRate?rate=%s answered %v", rate, got)
		}
		sum += value
	}
	if sum != 0 && (sum < 0.99 || sum > 1.01) {
		s.t.Errorf("the hit and the miss rate add up to %v", sum)
	}
}

func TestCourseAPIErrors(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct {
		name, path, key, file string
		code                  int
	}{
		{"no key", "/api/upload", "", "f", 400},
		{"no file", "/api/upload", "k", "", 400},
		{"unknown key", "/api/key/unknown", "", "", 404},
		{"empty key", "/api/key/", "", "", 400},
		{"unknown rate", "/api/getRate?rate=lifetime", "", "", 400},
		{"no rate", "/api/getRate", "", "", 400},
		{"capacity 0", "/api/configure_cache?cacheSize=0", "", "", 400},
		{"capacity -5", "/api/configure_cache?cacheSize=-5", "", "", 400},
		{"capacity abc", "/api/configure_cache?cacheSize=abc", "", "", 400},
		{"capacity above memory", "/api/configure_cache?cacheSize=1000000000", "", "", 400},
		{"unknown policy", "/api/configure_cache?policy=FANCY", "", "", 400},
		{"other mode", "/api/configure_cache?mode=auto", "", "", 400},
		{"too many nodes", "/api/configure_cache?numNodes=9", "", "", 400},
		{"no nodes", "/api/configure_cache?numNodes=0", "", "", 400},
		{"nodes abc", "/api/configure_cache?numNodes=abc", "", "", 400},
	} {
		resp, got := s.courseForm(c.path, c.key, c.file, []byte("x"))
		s.courseError(c.name, resp, got, c.code)
	}
	resp, err := http.Get(s.url + "/api/list_keys")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&got)
	s.courseError("GET", resp, got, 405)
}

func (s *site) courseError(name string, resp *http.Response, got map[string]any, code int) {
	s.t.Helper()
	e, _ := got["error"].(map[string]any)
	message, _ := e["message"].(string)
	if resp.StatusCode != code || got["success"] != "false" || e["code"] != float64(code) || message == "" {
		s.t.Errorf("%s: got %s and %v, want the error %d in the course's form", name, resp.Status, got, code)
	}
}
