package admin

import (
	"maps"
	"slices"
	"strings"

	"signet/users/membership"
)

// Permission is something an administrator may be allowed to do.
type Permission string

// The permissions. As scopes of access tokens they begin with ScopePrefix.
const (
	PeopleRead        Permission = "people:read"
	PeopleWrite       Permission = "people:write"
	PeopleCredentials Permission = "people:credentials"
	PeopleErase       Permission = "people:erase"
	PeopleMetadata    Permission = "people:metadata" // which apps may read as roles
	GroupsWrite       Permission = "groups:write"
	RolesGive         Permission = "roles:give"
	ClientsRead       Permission = "clients:read"
	ClientsWrite      Permission = "clients:write"
	ClientsSecrets    Permission = "clients:secrets"
	ResourcesWrite    Permission = "resources:write"
	SessionsRead      Permission = "sessions:read"
	SessionsRevoke    Permission = "sessions:revoke"
	GrantsRead        Permission = "grants:read"
	GrantsRevoke      Permission = "grants:revoke"
	KeysRead          Permission = "keys:read"
	KeysRotate        Permission = "keys:rotate"
	AuditRead         Permission = "audit:read"
	AuditExport       Permission = "audit:export"
	MailRead          Permission = "mail:read"
	MailRetry         Permission = "mail:retry"
	WebhooksWrite     Permission = "webhooks:write"
	UpstreamsRead     Permission = "upstreams:read"
	UpstreamsWrite    Permission = "upstreams:write" // and every other one, but for a test
	SettingsRead      Permission = "settings:read"
	SettingsWrite     Permission = "settings:write" // of mail and every other one
	ApplyFiles        Permission = "apply"          // and what each thing in the files demands
)

// ScopePrefix begins the scopes that stand for permissions in access tokens, and the names of roles that ship with Signet.
const ScopePrefix = "signet:"

// All lists the permissions.
func All() []Permission {
	return []Permission{PeopleRead, PeopleWrite, PeopleCredentials, PeopleErase, PeopleMetadata, GroupsWrite, RolesGive, ClientsRead,
		ClientsWrite, ClientsSecrets, ResourcesWrite, SessionsRead, SessionsRevoke, GrantsRead, GrantsRevoke, KeysRead, KeysRotate, AuditRead,
		AuditExport, MailRead, MailRetry, WebhooksWrite, UpstreamsRead, UpstreamsWrite, SettingsRead, SettingsWrite,
		ApplyFiles}
}

// Roles that ship with Signet, beside membership.Admin, which permits everything. They cannot be changed or deleted.
const (
	RoleAuditor = ScopePrefix + "auditor"
	RoleSupport = ScopePrefix + "support"
	RoleApps    = ScopePrefix + "apps"
)

// shipped are the permissions of the roles that ship with Signet.
var shipped = map[string]Set{
	membership.Admin: SetOf(All()...),
	RoleAuditor: SetOf(PeopleRead, ClientsRead, SessionsRead, GrantsRead, KeysRead, AuditRead, AuditExport, MailRead, UpstreamsRead,
		SettingsRead),
	RoleSupport: SetOf(PeopleRead, PeopleCredentials, SessionsRead, SessionsRevoke, GrantsRead, GrantsRevoke, AuditRead,
		ClientsRead),
	RoleApps: SetOf(ClientsRead, ClientsWrite, ClientsSecrets, ResourcesWrite),
}

// ofTools are the permissions that count where administrators' MCP clients act for them: to look, and to propose acts.
func ofTools(acts bool) Set {
	s := SetOf(PeopleRead, ClientsRead, SessionsRead, GrantsRead, KeysRead, AuditRead)
	if acts {
		maps.Copy(s, SetOf(PeopleWrite, SessionsRevoke, ClientsWrite))
	}
	return s
}

// Set is a set of permissions; nil is empty.
type Set map[Permission]bool

// SetOf has the permissions.
func SetOf(list ...Permission) Set {
	s := make(Set, len(list))
	for _, p := range list {
		s[p] = true
	}
	return s
}

// Missing are the permissions of other that s does not have, sorted.
func (s Set) Missing(other Set) (missing []Permission) {
	for _, p := range slices.Sorted(maps.Keys(other)) {
		if !s[p] {
			missing = append(missing, p)
		}
	}
	return missing
}

// And has what both have.
func (s Set) And(other Set) Set {
	both := Set{}
	for p := range s {
		if other[p] {
			both[p] = true
		}
	}
	return both
}

// OfTools has those that count where administrators' MCP clients look for them, and those for acts that they may propose.
func (s Set) OfTools(acts bool) Set { return s.And(ofTools(acts)) }

// Scopes are the permissions among scopes of an access token or a client.
func Scopes(scopes ...string) Set {
	s := Set{}
	for _, scope := range scopes {
		if name, ours := strings.CutPrefix(scope, ScopePrefix); ours && slices.Contains(All(), Permission(name)) {
			s[Permission(name)] = true
		}
	}
	return s
}

// permits are what roles permit, by their names and what is stored about them.
func permits(roles map[string]string) Set {
	s := Set{}
	for role, stored := range roles {
		maps.Copy(s, ofRole(role, stored))
	}
	return s
}

// ofRole is what one role permits.
func ofRole(role, stored string) Set {
	if own, ok := shipped[role]; ok {
		return own
	}
	s := Set{}
	for name := range strings.FieldsSeq(stored) {
		if slices.Contains(All(), Permission(name)) { // a newer release may know more
			s[Permission(name)] = true
		}
	}
	return s
}

// demands is which permission each act demands. A test walks the methods of Service: one that is not here does not pass.
var demands = map[string]Permission{
	"People": PeopleRead, "Person": PeopleRead, "Factors": PeopleRead, "Groups": PeopleRead, "Members": PeopleRead, "Roles": PeopleRead,
	"Holders":      PeopleRead,
	"CreatePerson": PeopleWrite, "ChangePerson": PeopleWrite, "SetDisabled": PeopleWrite,
	"ImportPeople": PeopleWrite, // and what its columns demand
	"SetPassword":  PeopleCredentials, "ResetLink": PeopleCredentials, "ResetFactors": PeopleCredentials, "Unfreeze": PeopleCredentials,
	"SetEmail":     PeopleCredentials,
	"DeletePerson": PeopleErase, "RestorePerson": PeopleErase,
	"SetMetadata": PeopleMetadata, "ReplaceMetadata": PeopleMetadata, "PreviewClaims": PeopleRead, // and ClientsRead
	"PutGroup": GroupsWrite, "DeleteGroup": GroupsWrite, "AddMember": GroupsWrite, "RemoveMember": GroupsWrite,
	"PutRole": RolesGive, "DeleteRole": RolesGive, "GiveRole": RolesGive, "TakeRole": RolesGive,
	"Clients": ClientsRead, "Client": ClientsRead, "FirstSignIn": ClientsRead, "CheckClient": ClientsRead,
	"Resources": ClientsRead, "Resource": ClientsRead,
	"CreateClient": ClientsWrite, "ChangeClient": ClientsWrite, "DeleteClient": ClientsWrite, "SetClientDisabled": ClientsWrite,
	"AllowTools":   ClientsWrite, // and what the tools reach
	"RotateSecret": ClientsSecrets, "Secrets": ClientsRead, "RemoveSecret": ClientsSecrets, "Snippet": ClientsRead,
	"APIKeys": ClientsRead, "CreateAPIKey": ClientsSecrets, "RevokeAPIKey": ClientsSecrets,
	"PutResource": ResourcesWrite, "DeleteResource": ResourcesWrite,
	"Sessions": SessionsRead, "EndSession": SessionsRevoke, "EndSessions": SessionsRevoke,
	"EndEverything": GrantsRevoke, // and SessionsRevoke
	"Grants":        GrantsRead, "RevokeGrant": GrantsRevoke,
	"Consents": GrantsRead, "WithdrawConsent": GrantsRevoke,
	"Agents": GrantsRead, "PauseAgent": GrantsRevoke, "RemoveAgent": GrantsRevoke,
	"Keys": KeysRead, "RotateKey": KeysRotate, "RetireKey": KeysRotate,
	"Events": AuditRead, "Explain": AuditRead, "ExportEvents": AuditExport, "MailQueue": MailRead, "Mail": MailRead,
	"RetryMail": MailRetry, "DropMail": MailRetry,
	"Settings": SettingsRead, "Setting": SettingsRead, "Health": SettingsRead,
	"PreviewSetting": SettingsWrite,
	"ChangeSetting":  SettingsWrite, "ResetSetting": SettingsWrite, "TestMail": SettingsWrite, "SettingSecretState": SettingsWrite,
	"Upstreams": UpstreamsRead, "Upstream": UpstreamsRead, "UpstreamPeople": UpstreamsRead,
	"CreateUpstream": UpstreamsWrite, "ChangeUpstream": UpstreamsWrite, "DeleteUpstream": UpstreamsWrite, "TestUpstream": UpstreamsWrite,
	"UpstreamSecretState": UpstreamsWrite,
	"Webhooks":            WebhooksWrite, "Webhook": WebhooksWrite, "CreateWebhook": WebhooksWrite, "ChangeWebhook": WebhooksWrite,
	"DeleteWebhook": WebhooksWrite, "SetWebhookDisabled": WebhooksWrite, "RotateWebhookSecret": WebhooksWrite, "TestWebhook": WebhooksWrite,
	"WebhookSecretState": WebhooksWrite,
	"WebhookDeliveries":  WebhooksWrite, "RetryWebhook": WebhooksWrite, "ReplayWebhook": WebhooksWrite,
	"Managed": ClientsRead, "KeptBy": ClientsRead, "CheckStep": ClientsRead, "SecretState": ClientsSecrets, "Apply": ApplyFiles,
}
