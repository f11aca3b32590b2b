package server

import "signet/admin"

// openAdmin builds what administrators do over everything else.
func (h *Services) openAdmin() (err error) {
	h.Admin, err = admin.New(admin.Options{
		Stores: admin.StoresOf(h.DB), Audit: h.Audit,
		People: h.People, Factors: h.Recovery, Deletion: h.Deletion, Members: h.Members, Sessions: h.Sessions,
		Clients: h.Clients, Keys: h.Keys, Mail: h.Outbox, CheckClient: h.Registrations.CheckSector, Issuer: h.Config.Server.Issuer,
	})
	return err
}
