package policy

// maxUses is as far as uses are counted: four bits.
const maxUses = 15

// uses counts how often each object was asked for, up to maxUses, in the low
// four bits of a byte; the high four are the policy's own. The counts go along
// when the policy is switched, for the policies that weigh them; one that is never
// switched need not have them.
type uses struct {
	marks pages[uint8]
	no    bool
}

func (u *uses) begin(slot uint32, o Object) {
	if !u.no {
		*u.marks.grow(slot) = min(o.Uses, maxUses)
	}
}

func (u *uses) count(slot uint32) {
	if u.no {
		return
	}
	if n := u.marks.at(slot); *n&maxUses < maxUses {
		*n++
	}
}

// all tells that there are no more uses to count.
func (u *uses) all(slot uint32) bool { return !u.no && *u.marks.at(slot)&maxUses == maxUses }

func (u *uses) usesOf(slot uint32) uint8 {
	if u.no {
		return 0
	}
	return *u.marks.at(slot) & maxUses
}

// decay tells who wants to know when a slot is not saturated any more.
type decay struct{ tell func(slot uint32) }

func (d *decay) OnDecay(tell func(slot uint32)) { d.tell = tell }

func (d *decay) decayed(slot uint32) {
	if d.tell != nil {
		d.tell(slot)
	}
}
