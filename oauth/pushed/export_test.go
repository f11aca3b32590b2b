package pushed

// Bound sets what the server may keep.
func (p *Requests) Bound(rows int, bytes int64) { p.quota.Bound(rows, bytes) }
