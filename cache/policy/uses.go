package policy

// maxUses is as far as uses are counted: four bits.
const maxUses = 15

// uses counts how often each object was asked for, up to maxUses, in the low
// four bits of a byte; the high four are the policy's own. The counts go along
// when the policy is switched, for the policies that weigh them.
type uses struct{ marks pages[uint8] }

func (u *uses) begin(slot uint32, o Object) { *u.marks.grow(slot) = min(o.Uses, maxUses) }

func (u *uses) count(slot uint32) {
	if n := u.marks.at(slot); *n&maxUses < maxUses {
		*n++
	}
}

func (u *uses) usesOf(slot uint32) uint8 { return *u.marks.at(slot) & maxUses }
