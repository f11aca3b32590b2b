// Package feed writes audit events for other systems: as JSON, in the Open Cybersecurity Schema Framework (OCSF), and in the Common Event
// Format (CEF); and follows the log without losing any. Begin with Line and Follower.
package feed
