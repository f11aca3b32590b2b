package device

// Bound sets what the server may keep.
func (d *Requests) Bound(rows int, bytes int64) { d.quota.Bound(rows, bytes) }
