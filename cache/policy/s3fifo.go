package policy

// s3fifo is Yang and others' policy (SOSP '23): what is new passes through a
// small queue, and only what is asked for there again goes on to the main one;
// a ghost remembers what was turned away, and lets it into the main queue when
// it comes back.
//
// One use is enough to go on, where the paper asks for two: measured on real
// traces, that misses 0.01 less where sizes differ, and as much where they do
// not. The ghost counts bytes, not objects, for the same reason.
type s3fifo struct {
	uses
	decay
	links       links
	objects     traces
	small, main list
	ghosts      ghost
	smallBytes  int64
	bytes       int64 // of both queues
	n           int
}

const (
	smallShare = 10     // the small queue has 1/smallShare of the bytes
	frequency  = 3 << 4 // in uses.marks: accesses since the last decision, up to 3
	once       = 1 << 4
	inMain     = 1 << 7
)

func newS3FIFO(told Objects) *s3fifo {
	s := &s3fifo{links: links{few: told != nil}, objects: traces{told: told}, small: newList(), main: newList()}
	s.ghosts.fit(0)
	return s
}

func (s *s3fifo) Len() int { return s.n }

func (s *s3fifo) Add(slot uint32, o Object) {
	s.begin(slot, o)
	t := s.objects.add(slot, o)
	s.n++
	s.ghosts.fit(s.n)
	charge := t.charge.bytes()
	s.bytes += charge
	if s.ghosts.take(t.hash) {
		s.toMain(slot)
		return
	}
	s.smallBytes += charge
	s.small.pushFront(&s.links, slot)
}

func (s *s3fifo) toMain(slot uint32) {
	mark := s.marks.at(slot)
	*mark = *mark&^frequency | inMain
	s.decayed(slot)
	s.main.pushFront(&s.links, slot)
}

func (s *s3fifo) Access(slot uint32) {
	s.count(slot)
	if mark := s.marks.at(slot); *mark&frequency < frequency {
		*mark += once
	}
}

// Saturated is until the object comes to the end of its queue.
func (s *s3fifo) Saturated(slot uint32) bool {
	return s.all(slot) && *s.marks.at(slot)&frequency == frequency
}

func (s *s3fifo) Remove(slot uint32) {
	charge := s.objects.at(slot).charge.bytes()
	if *s.marks.at(slot)&inMain != 0 {
		s.main.remove(&s.links, slot)
	} else {
		s.small.remove(&s.links, slot)
		s.smallBytes -= charge
	}
	s.bytes -= charge
	s.n--
}

func (s *s3fifo) Evict() (slot uint32, ok bool) {
	for s.n > 0 {
		if s.main.tail == none || s.small.tail != none && s.smallBytes > s.bytes/smallShare {
			slot, ok = s.evictSmall()
		} else {
			slot, ok = s.evictMain()
		}
		if ok {
			s.Remove(slot)
			return slot, true
		}
	}
	return 0, false
}

// evictSmall decides about the end of the small queue: it goes on to the main
// one, or out.
func (s *s3fifo) evictSmall() (slot uint32, out bool) {
	slot = s.small.tail
	t := s.objects.at(slot)
	if *s.marks.at(slot)&frequency == 0 {
		s.ghosts.add(t.hash, t.charge.bytes(), s.bytes)
		return slot, true
	}
	s.small.remove(&s.links, slot)
	s.smallBytes -= t.charge.bytes()
	s.toMain(slot)
	return slot, false
}

// evictMain decides about the end of the main queue: another round for each
// use, or out.
func (s *s3fifo) evictMain() (slot uint32, out bool) {
	slot = s.main.tail
	mark := s.marks.at(slot)
	if *mark&frequency == 0 {
		return slot, true
	}
	*mark -= once
	s.decayed(slot)
	s.main.moveToFront(&s.links, slot)
	return slot, false
}

func (s *s3fifo) Renumber(to func(slot uint32) uint32) {
	old := *s
	s.links, s.marks = links{few: old.links.few}, nil
	s.small, s.main = newList(), newList()
	for from, into := range map[*list]*list{&old.small: &s.small, &old.main: &s.main} {
		from.backwards(&old.links, func(slot uint32) {
			*s.marks.grow(to(slot)) = *old.marks.at(slot)
			into.pushFront(&s.links, to(slot))
		})
	}
}

func (s *s3fifo) Sum() {
	s.bytes, s.smallBytes = 0, 0
	s.main.backwards(&s.links, func(slot uint32) { s.bytes += s.objects.at(slot).charge.bytes() })
	s.small.backwards(&s.links, func(slot uint32) { s.smallBytes += s.objects.at(slot).charge.bytes() })
	s.bytes += s.smallBytes
}
