package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// toast is a short message at the edge of the page.
type toast struct {
	ID    int
	Text  string
	Error bool

	Action string // what its button says; "" for none
	do     func()
}

// How long toasts stay, and how many there are at the most.
const (
	toastTime      = 5 * time.Second
	toastErrorTime = 15 * time.Second
	maxToasts      = 4
)

// tell shows that something was done.
func (s *session) tell(text string) { s.addToast(toast{Text: text}, toastTime) }

// complain shows that something failed.
func (s *session) complain(text string) { s.addToast(toast{Text: text, Error: true}, toastErrorTime) }

func (s *session) addToast(t toast, stay time.Duration) int {
	s.lastToast++
	t.ID = s.lastToast
	s.toasts = append(s.toasts, t)
	if over := len(s.toasts) - maxToasts; over > 0 {
		s.toasts = s.toasts[over:]
	}
	s.notify(changeFrame, nil)
	s.ctx.After(stay, func(app.Context) { s.dropToast(t.ID) })
	return t.ID
}

func (s *session) dropToast(id int) {
	for i, t := range s.toasts {
		if t.ID == id {
			s.toasts = append(s.toasts[:i:i], s.toasts[i+1:]...)
			s.notify(changeFrame, nil)
			return
		}
	}
}

// say announces text to assistive technology, without showing it.
func (s *session) say(text string) {
	s.said = text
	s.notify(changeFrame, nil)
}

// question is what the dialog asks before something that cannot be undone.
type question struct {
	Title  string
	Text   string
	Action string // what the button says
	do     func()
}

// ask opens the dialog.
func (s *session) ask(q question) {
	s.question = q
	s.notify(changeFrame, nil)
	s.ctx.Defer(func(app.Context) { openDialog("confirm") })
}

// answer closes the dialog, and does what it asked about if the answer is yes.
func (s *session) answer(yes bool) {
	closeDialog("confirm")
	if do := s.question.do; yes && do != nil {
		s.question.do = nil
		do()
	}
}

// copyText puts text on the clipboard and says done.
func (s *session) copyText(text, done string) {
	clipboard := app.Window().Get("navigator").Get("clipboard")
	if !clipboard.Truthy() {
		s.complain(t("The browser does not let this page copy: copy the address from its bar instead."))
		return
	}
	go func() {
		_, err := await(s.ctx, clipboard.Call("writeText", text))
		s.ctx.Dispatch(func(app.Context) {
			if err != nil {
				s.complain(tf("The browser did not copy it: %s", err))
				return
			}
			s.tell(done)
		})
	}()
}
