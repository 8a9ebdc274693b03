package systemd

// known leaves out what this systemd is too old for; the control files have it all the same.
func (b *Bus) known(list []Property) ([]Property, error) {
	out := list[:0:0]
	for _, p := range list {
		if since := since(p); since > 0 {
			v, err := b.Version()
			if err != nil {
				return nil, err
			}
			if v < since {
				continue
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// since is the version of systemd that a property came with, 0 for one that was always there (NEWS of systemd).
func since(p Property) int {
	switch p.Name {
	case "CPUQuotaPeriodUSec":
		return 242
	case "AllowedCPUs", "AllowedMemoryNodes":
		return 244
	case "CPUWeight":
		if p.Value.Value() == uint64(0) { // idle
			return 252
		}
	}
	return 0
}
