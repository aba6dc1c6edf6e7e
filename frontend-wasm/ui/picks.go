package ui

import "memcache/shared/api"

// maxPicked is how many objects can be selected: as many as one request names.
const maxPicked = api.MaxListLimit

// picks are the objects that are selected, in the order in which they were.
type picks struct {
	objects []api.Object
	anchor  string // the key from which a range goes; "" for none
}

func (p *picks) has(key string) bool { return p.find(key) >= 0 }

func (p *picks) find(key string) int {
	for i, o := range p.objects {
		if o.Key == key {
			return i
		}
	}
	return -1
}

// toggle selects o or not any more.
func (p *picks) toggle(o api.Object) {
	p.anchor = o.Key
	if i := p.find(o.Key); i >= 0 {
		p.objects = append(p.objects[:i:i], p.objects[i+1:]...)
		return
	}
	p.add([]api.Object{o})
}

// add selects objects as far as there is room, and tells whether there was.
func (p *picks) add(objects []api.Object) bool {
	for _, o := range objects {
		if p.has(o.Key) {
			continue
		}
		if len(p.objects) >= maxPicked {
			return false
		}
		p.objects = append(p.objects, o)
	}
	return true
}

// drop forgets an object that is gone.
func (p *picks) drop(key string) {
	if i := p.find(key); i >= 0 {
		p.objects = append(p.objects[:i:i], p.objects[i+1:]...)
	}
	if p.anchor == key {
		p.anchor = ""
	}
}

func (p *picks) keys() []string {
	keys := make([]string, len(p.objects))
	for i, o := range p.objects {
		keys[i] = o.Key
	}
	return keys
}

func (p *picks) bytes() (n int64) {
	for _, o := range p.objects {
		n += o.Size
	}
	return n
}
