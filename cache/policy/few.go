package policy

// FewSlots is how many slots a policy of NewFew has.
const FewSlots = 1<<16 - 1

// Objects tells what is in a slot: what Add was told, or what it has become.
type Objects func(slot uint32) Object

// Few is a policy that takes little memory: it has few slots, and does not keep what
// it can ask for. It knows no more uses than it needs itself.
type Few interface {
	Policy
	// Renumber gives each slot that is present another number. All else stays.
	Renumber(to func(slot uint32) uint32)
}

// NewFew is New for slots below FewSlots, whose objects it asks for. It evicts the same.
func NewFew(name string, seed uint64, objects Objects) (Few, error) {
	p, err := build(name, seed, objects)
	if err != nil {
		return nil, err
	}
	return p.(Few), nil
}

// Summing is a policy that sums up charges.
type Summing interface {
	Policy
	// Sum tells that they have changed.
	Sum()
}

// Sampled is a policy of NewFew that a sample of the objects would mislead, unless it
// knows.
type Sampled interface {
	Few
	// SetRate tells which part of all objects the policy sees, from 0 to 1, which is
	// what it takes it for at first.
	SetRate(rate float64)
	// Gone is asked before Access: it tells that the object would have been evicted by
	// now if all were seen. It is to be removed then.
	Gone(slot uint32) bool
}

// traces are what S3-FIFO knows of the objects, which it keeps or asks for.
type traces struct {
	told Objects
	kept pages[trace]
}

type trace struct {
	charge weight
	hash   uint32
}

func (t *traces) at(slot uint32) trace {
	if t.told != nil {
		return traceOf(t.told(slot))
	}
	return *t.kept.at(slot)
}

func (t *traces) add(slot uint32, o Object) trace {
	if t.told == nil {
		*t.kept.grow(slot) = traceOf(o)
	}
	return traceOf(o)
}

func traceOf(o Object) trace { return trace{weigh(o.Charge), o.hash()} }

// residents are what W-TinyLFU knows of the objects. It keeps all of it in one place,
// or only the marks, and asks for the rest.
type residents struct {
	told  Objects
	kept  pages[resident]
	marks pages[uint8]
}

func (r *residents) at(slot uint32) resident {
	if r.told != nil {
		return residentOf(r.told(slot), uint32(*r.marks.at(slot)))
	}
	return *r.kept.at(slot)
}

func (r *residents) add(slot uint32, o Object) resident {
	new := residentOf(o, 0)
	if r.told != nil {
		*r.marks.grow(slot) = 0
	} else {
		*r.kept.grow(slot) = new
	}
	return new
}

// mark gives the object in slot other marks.
func (r *residents) mark(slot, marks uint32) {
	if r.told != nil {
		*r.marks.at(slot) = uint8(marks)
		return
	}
	at := r.kept.at(slot)
	at.hash = at.hash&^ownMask | marks
}

// sizes are the sizes of the objects, which GDSF keeps or asks for.
type sizes struct {
	told Objects
	kept pages[weight]
}

func (s *sizes) at(slot uint32) int64 {
	if s.told != nil {
		return weigh(s.told(slot).Size).bytes()
	}
	return s.kept.at(slot).bytes()
}

func (s *sizes) add(slot uint32, o Object) {
	if s.told == nil {
		*s.kept.grow(slot) = weigh(o.Size)
	}
}
