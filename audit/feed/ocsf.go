package feed

import (
	"encoding/json"
	"strings"

	"signet/audit"
	"signet/storage"
)

// Classes of OCSF 1.3: category, then number.
const (
	accountChange    = 3001
	authentication   = 3002
	entityManagement = 3004
	userAccess       = 3005
	groupManagement  = 3006
	apiActivity      = 6003
)

// other is the activity of what a class has no number for.
const other = 99

// kind is what an event is in OCSF.
type kind struct{ class, activity int }

// kinds are those of events, by name; what is not here is judged by whom it concerns.
var kinds = map[audit.Name]kind{
	audit.SignInSucceeded: {authentication, 1}, audit.SignInFailed: {authentication, 1}, audit.SignInThrottled: {authentication, 1},
	audit.Confirmed: {authentication, 1}, audit.SessionStarted: {authentication, 1}, audit.SessionRenewed: {authentication, 1},
	audit.FactorSucceeded: {authentication, 1}, audit.FactorFailed: {authentication, 1}, audit.FactorThrottled: {authentication, 1},
	audit.PasskeyCloned: {authentication, 1}, audit.SessionEnded: {authentication, 2},

	audit.SignUpSucceeded: {accountChange, 1}, audit.SignUpRefused: {accountChange, 1}, audit.SignUpThrottled: {accountChange, 1},
	audit.UserCreated: {accountChange, 1}, audit.UserImported: {accountChange, 1}, audit.UserEnabled: {accountChange, 2},
	audit.UserUnfrozen: {accountChange, 2}, audit.UserDeleteUndone: {accountChange, 2}, audit.PasswordChanged: {accountChange, 3},
	audit.PasswordSet: {accountChange, 4}, audit.PasswordReset: {accountChange, 4}, audit.PasswordResetAsked: {accountChange, 4},
	audit.UserDisabled: {accountChange, 5}, audit.UserDeleteAsked: {accountChange, 5}, audit.UserErased: {accountChange, 6},
	audit.UserFrozen: {accountChange, 9}, audit.FactorAdded: {accountChange, 10}, audit.PasskeyAdded: {accountChange, 10},
	audit.RecoveryMade: {accountChange, 10}, audit.FactorRemoved: {accountChange, 11}, audit.PasskeyRemoved: {accountChange, 11},
	audit.FactorRecoveryFinished: {accountChange, 11},

	audit.ConsentGiven: {userAccess, 1}, audit.ConsentDenied: {userAccess, 1}, audit.DeviceApproved: {userAccess, 1},
	audit.AgentAllowed: {userAccess, 1}, audit.AgentResumed: {userAccess, 1}, audit.AgentPaused: {userAccess, 2},
	audit.DeviceDenied: {userAccess, 1}, audit.RequestApproved: {userAccess, 1}, audit.RequestDenied: {userAccess, 1},
	audit.ConsentWithdrawn: {userAccess, 2}, audit.GrantRevoked: {userAccess, 2}, audit.TokenRevoked: {userAccess, 2},

	audit.GroupMemberAdded: {groupManagement, 3}, audit.GroupMemberRemoved: {groupManagement, 4}, audit.GroupDeleted: {groupManagement, 5},
	audit.GroupCreated: {groupManagement, 6}, audit.GroupChanged: {groupManagement, other},

	audit.ClientCreated: {entityManagement, 1}, audit.ClientChanged: {entityManagement, 3}, audit.ClientDocument: {entityManagement, 3},
	audit.ClientChecked: {entityManagement, 2}, audit.ClientToolsAllowed: {entityManagement, 3},
	audit.ClientToolsRemoved: {entityManagement, 3}, audit.ClientSecretRotated: {entityManagement, 3},
	audit.ClientSecretRemoved: {entityManagement, 3},
	audit.ClientEnabled:       {entityManagement, 3}, audit.ClientDisabled: {entityManagement, 3},
	audit.ClientDeleted: {entityManagement, 4}, audit.ResourceChanged: {entityManagement, 3}, audit.ResourceDeleted: {entityManagement, 4},
	audit.RoleCreated: {entityManagement, 1}, audit.RoleChanged: {entityManagement, 3}, audit.RoleDeleted: {entityManagement, 4},
	audit.KeyMade: {entityManagement, 1}, audit.KeyActivated: {entityManagement, 3}, audit.KeyRetired: {entityManagement, 3},
	audit.KeyDeleted: {entityManagement, 4}, audit.InvitationCreated: {entityManagement, 1}, audit.InvitationRevoked: {entityManagement, 4},
	audit.AdminTokenMade: {entityManagement, 1}, audit.AdminTokenRevoked: {entityManagement, 4},

	audit.AdminRefused: {apiActivity, other}, audit.UserRead: {apiActivity, 2},
}

func kindOf(e storage.Event, facts map[string]any) kind {
	k, known := kinds[audit.Name(e.Name)]
	switch _, toGroup := facts["group"]; {
	case known:
		return k
	case e.Name == string(audit.RoleGiven) && toGroup:
		return kind{groupManagement, 1}
	case e.Name == string(audit.RoleTaken) && toGroup:
		return kind{groupManagement, 2}
	case e.Name == string(audit.RoleGiven):
		return kind{userAccess, 1}
	case e.Name == string(audit.RoleTaken):
		return kind{userAccess, 2}
	case e.UserID != "":
		return kind{accountChange, other}
	case e.ClientID != "":
		return kind{entityManagement, other}
	}
	return kind{apiActivity, other}
}

// grave are what somebody should look at although nothing else does.
var grave = map[audit.Name]bool{
	audit.CodeReplayed: true, audit.RefreshReused: true, audit.PasskeyCloned: true, audit.KeyDamaged: true, audit.SealedUnreadable: true,
	audit.UserFrozen: true, audit.AdminRefused: true, audit.ProofReplayed: true,
}

// severity is OCSF's: 1 informational, 2 low, 4 high.
func severity(e storage.Event) int {
	switch {
	case grave[audit.Name(e.Name)]:
		return 4
	case e.Outcome == string(audit.Failure):
		return 2
	}
	return 1
}

// ocsf is an event in OCSF 1.3.
func ocsf(e storage.Event) map[string]any {
	var facts map[string]any
	if json.Unmarshal(e.Detail, &facts) != nil {
		facts = nil
	}
	k := kindOf(e, facts)
	out := map[string]any{
		"category_uid": k.class / 1000, "class_uid": k.class, "activity_id": k.activity, "type_uid": k.class*100 + k.activity,
		"severity_id": severity(e), "time": e.At.UnixMilli(), "message": e.Name, "status_id": 1,
		"metadata": map[string]any{
			"version": "1.3.0", "uid": e.ID, "event_code": e.Name, "product": map[string]any{"name": "Signet", "vendor_name": "Signet"},
		},
	}
	if e.Outcome == string(audit.Failure) {
		out["status_id"] = 2
	}
	if e.RequestID != "" {
		out["metadata"].(map[string]any)["correlation_uid"] = e.RequestID
	}
	who := map[string]any{}
	if e.ActorID != "" {
		who["user"] = map[string]any{"uid": e.ActorID, "type": e.ActorKind}
	}
	if e.ActorKind == "" && e.ActorID != "" {
		who["user"] = map[string]any{"uid": e.ActorID}
	}
	if e.SessionID != "" {
		who["session"] = map[string]any{"uid": e.SessionID}
	}
	if len(who) > 0 || k.class == apiActivity {
		out["actor"] = who
	}
	if e.Agent != "" {
		out["http_request"] = map[string]any{"user_agent": e.Agent}
	}
	about(out, k, e, facts)
	unmapped := map[string]any{}
	for name, value := range map[string]string{"client_id": e.ClientID, "grant_id": e.GrantID, "network": e.Network} {
		if value != "" {
			unmapped[name] = value
		}
	}
	if len(facts) > 0 {
		unmapped["detail"] = facts
	}
	if len(unmapped) > 0 {
		out["unmapped"] = unmapped
	}
	return out
}

// about is what a class demands beside what all have.
func about(out map[string]any, k kind, e storage.Event, facts map[string]any) {
	text := func(name string) string { s, _ := facts[name].(string); return s }
	user := map[string]any{"uid": e.UserID}
	if e.UserID == "" {
		user = map[string]any{"name": "unknown"}
	}
	switch k.class {
	case accountChange, userAccess:
		out["user"] = user
	case authentication:
		out["user"] = user
		out["service"] = map[string]any{"name": "Signet"}
		if e.SessionID != "" {
			out["session"] = map[string]any{"uid": e.SessionID}
		}
	case groupManagement:
		out["group"] = map[string]any{"name": text("group")}
		out["user"] = user
	case entityManagement:
		what, _, _ := strings.Cut(e.Name, ".")
		entity := map[string]any{"type": what}
		for _, id := range []string{e.ClientID, text("resource"), text("role"), text("kid"), text("jti")} {
			if id != "" {
				entity["uid"] = id
				break
			}
		}
		if entity["uid"] == nil {
			entity["name"] = what
		}
		out["entity"] = entity
	case apiActivity:
		operation := text("act")
		if operation == "" {
			operation = e.Name
		}
		out["api"] = map[string]any{"operation": operation}
		out["src_endpoint"] = map[string]any{"name": "Signet"}
	}
	if k.class == userAccess || k.class == groupManagement {
		var privileges []string
		if role := text("role"); role != "" {
			privileges = append(privileges, "role:"+role)
		}
		if e.ClientID != "" {
			privileges = append(privileges, "client:"+e.ClientID)
		}
		if k.class == userAccess && privileges == nil {
			privileges = []string{e.Name}
		}
		if privileges != nil {
			out["privileges"] = privileges
		}
	}
}
