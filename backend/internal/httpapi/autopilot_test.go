package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestAutopilot(t *testing.T) {
	w := start(t)
	if a := w.want(w.do("GET", "/api/v1/autopilot", nil), http.StatusOK); !strings.Contains(a.body, `"on":false`) || !strings.Contains(a.body, `"state":"off"`) {
		t.Errorf("it is not off: %s", a.body)
	}
	body := `{"on": true, "goal": "knee", "target": 0.8, "least": 8388608, "most": 67108864}`
	if a := w.want(w.do("PUT", "/api/v1/autopilot", strings.NewReader(body)), http.StatusOK); !strings.Contains(a.body, `"goal":"knee"`) || !strings.Contains(a.body, `"on":true`) {
		t.Errorf("it is not as it was set: %s", a.body)
	}
	for _, bad := range []string{"", "[]", `{"on": 1}`, `{"goal": "best"}`, `{"target": 2}`, `{"target": 1e999}`, `{"least": 1}`, `{"most": 99999999999999999999}`, `{"off": true}`, `{"least": 67108864, "most": 8388608}`} {
		w.want(w.do("PUT", "/api/v1/autopilot", strings.NewReader(bad)), http.StatusBadRequest)
	}
	for _, bad := range []string{"", "[]", `{"id": "1"}`, `{"change": 1}`} {
		w.want(w.do("POST", "/api/v1/autopilot/undo", strings.NewReader(bad)), http.StatusBadRequest)
	}
	w.want(w.do("POST", "/api/v1/autopilot/undo", strings.NewReader(`{"id": 7}`)), http.StatusNotFound)
}
