package audit

import "slices"

// names are all of name.go; a test reads that.
var names = []Name{
	SignInSucceeded, SignInFailed, SignInThrottled, Confirmed, SessionStarted, SessionRenewed, SessionEnded, SignUpSucceeded,
	SignUpRefused, SignUpThrottled, PasswordChanged, PasswordSet, PasswordRehashed, FactorSucceeded, FactorFailed,
	FactorThrottled, FactorAdded, FactorRemoved, RecoveryMade, RecoveryUsed, PasskeyAdded, PasskeyRenamed, PasskeyRemoved,
	PasskeyCloned, TermsAccepted, InvitationCreated, InvitationRevoked, UserCreated, UserImported, UserChanged, UserDisabled,
	UserEnabled, DataExported, UserDeleteAsked, UserDeleteUndone, UserErased, PasswordResetAsked, PasswordReset, EmailProven,
	EmailChanged, EmailThrottled, UserFrozen, UserUnfrozen, UserEnded, UpstreamLinked, UpstreamUnlinked, UpstreamDeauthorized,
	FactorRecoveryStarted, FactorRecoveryStopped, FactorRecoveryFinished, GroupCreated, GroupChanged, GroupDeleted,
	GroupMemberAdded, GroupMemberRemoved, RoleCreated, RoleChanged, RoleDeleted, RoleGiven, RoleTaken, ConsentGiven,
	ConsentDenied, ConsentWithdrawn, AgentAllowed, AgentPaused, AgentResumed,
	DeviceApproved, DeviceDenied, RequestApproved, RequestDenied, RequestsRefused, RequestsTaken,
	CodeReplayed, RefreshReused, RefreshRepeated, GrantAsserted, GrantDelegated, GrantRevoked, GrantCaughtUp, TokenRevoked,
	ProofReplayed, ProofRefused, AssertionReplayed,
	ClientCreated, ClientChanged, ClientDocument, ClientDeleted, ClientDisabled, ClientEnabled, ClientSecretRotated, ClientSecretRemoved,
	ClientChecked, ClientToolsAllowed, ClientToolsRemoved, ProposalMade, ProposalConfirmed, ProposalDenied, PingFailed,
	PushFailed, LogoutFailed, ResourceChanged, ResourceDeleted, ManagedChanged, KeyMade, KeyActivated, KeyRetired, KeyDeleted, KeyDamaged,
	Resealed,
	SealedDropped, SealedUnreadable, ConfigLoaded, BackupMade, BackupVerified, BackupRestored, DatabaseMoved,
	DatabaseUnfrozen, AdminRefused, AdminTokenMade, AdminTokenRevoked, APIKeyMade, APIKeyRevoked, AuditExported, UserRead,
	FirstRunOffered, FirstRunUsed, UpstreamCreated, UpstreamChanged, UpstreamDisabled, UpstreamEnabled, UpstreamDeleted,
	SettingChanged, SettingReset,
	WebhookCreated, WebhookChanged, WebhookDeleted, WebhookRotated, WebhookEnabled, WebhookDisabled, MailRetried, MailDropped,
}

// Names lists them, by what they are.
func Names() []Name { return slices.Sorted(slices.Values(names)) }
