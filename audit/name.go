package audit

// Name says what happened.
type Name string

// What happens to people.
const (
	SignInSucceeded    Name = "signin.succeeded"
	SignInFailed       Name = "signin.failed"
	SignInThrottled    Name = "signin.throttled"
	Confirmed          Name = "signin.confirmed" // the person, who has no factor here, confirmed in another way that it is them
	SessionStarted     Name = "session.started"
	SessionRenewed     Name = "session.renewed" // signed in again in the same browser
	SessionEnded       Name = "session.ended"
	SignUpSucceeded    Name = "signup.succeeded"
	SignUpRefused      Name = "signup.refused" // address or user name taken, closed, domain not allowed
	SignUpThrottled    Name = "signup.throttled"
	PasswordChanged    Name = "password.changed" // by the person, who knew the old one
	PasswordSet        Name = "password.set"     // by an operator
	PasswordRehashed   Name = "password.rehashed"
	FactorSucceeded    Name = "factor.succeeded"
	FactorFailed       Name = "factor.failed"
	FactorThrottled    Name = "factor.throttled"
	FactorAdded        Name = "factor.added"
	FactorRemoved      Name = "factor.removed"
	RecoveryMade       Name = "recovery.made" // new recovery codes; the old ones died
	RecoveryUsed       Name = "recovery.used"
	PasskeyAdded       Name = "passkey.added"
	PasskeyRenamed     Name = "passkey.renamed"
	PasskeyRemoved     Name = "passkey.removed"
	PasskeyCloned      Name = "passkey.cloned" // refused: its sign count fell, so there may be two of it
	TermsAccepted      Name = "terms.accepted"
	InvitationCreated  Name = "invitation.created"
	InvitationRevoked  Name = "invitation.revoked"
	UserCreated        Name = "user.created"  // by an operator
	UserImported       Name = "user.imported" // brought along from another product, by an operator
	UserChanged        Name = "user.changed"
	UserDisabled       Name = "user.disabled"
	UserEnabled        Name = "user.enabled"
	DataExported       Name = "data.exported"       // the person took their data along
	RequestsRefused    Name = "request.all_refused" // the person wants to be asked nothing by apps that are elsewhere (CIBA)
	RequestsTaken      Name = "request.all_taken"   // … may be asked again
	UserDeleteAsked    Name = "user.delete_asked"   // the account is to be erased
	UserDeleteUndone   Name = "user.delete_undone"  // … and is not
	UserErased         Name = "user.erased"         // nothing of the person is left but events
	PasswordResetAsked Name = "password.reset_asked"
	PasswordReset      Name = "password.reset" // by a mailed link
	EmailProven        Name = "email.proven"
	EmailChanged       Name = "email.changed"
	EmailThrottled     Name = "email.throttled" // asked for more often than the budgets allow; not sent
	UserFrozen         Name = "user.frozen"     // "this was not me"
	UserUnfrozen       Name = "user.unfrozen"
	UserEnded          Name = "user.ended_everywhere" // an administrator's program ended all sessions and the access of all apps

	UpstreamLinked       Name = "upstream.linked"
	UpstreamUnlinked     Name = "upstream.unlinked"
	UpstreamDeauthorized Name = "upstream.deauthorized" // taken back at the upstream, where it is the only way to sign in
)

// What happens to people who have lost their second factor.
const (
	FactorRecoveryStarted  Name = "wayback.started" // the wait begins
	FactorRecoveryStopped  Name = "wayback.stopped"
	FactorRecoveryFinished Name = "wayback.finished" // the factors are removed
)

// What happens to groups and roles.
const (
	GroupCreated       Name = "group.created"
	GroupChanged       Name = "group.changed"
	GroupDeleted       Name = "group.deleted"
	GroupMemberAdded   Name = "group.member_added"
	GroupMemberRemoved Name = "group.member_removed"
	RoleCreated        Name = "role.created"
	RoleChanged        Name = "role.changed"
	RoleDeleted        Name = "role.deleted"
	RoleGiven          Name = "role.given"
	RoleTaken          Name = "role.taken"
)

// What happens between people and applications.
const (
	ConsentGiven     Name = "consent.given"
	ConsentDenied    Name = "consent.denied"
	ConsentWithdrawn Name = "consent.withdrawn"
	AgentAllowed     Name = "agent.allowed" // an app may act for the person by itself: until when, and how often
	AgentPaused      Name = "agent.paused"
	AgentResumed     Name = "agent.resumed"
	DeviceApproved   Name = "device.approved" // an app on a device without a browser was let in (RFC 8628)
	DeviceDenied     Name = "device.denied"
	RequestApproved  Name = "request.approved" // what an app asked of somebody whom it named (CIBA Core)
	RequestDenied    Name = "request.denied"
	CodeReplayed     Name = "code.replayed"
	RefreshReused    Name = "refresh.reused"
	RefreshRepeated  Name = "refresh.repeated" // many answers inside the grace window
	GrantAsserted    Name = "grant.asserted"   // an app got a token by an assertion of a trusted issuer (RFC 7523); the person did nothing
	GrantDelegated   Name = "grant.delegated"  // an app got an assertion (ID-JAG) for another authorization server; the person did nothing
	GrantRevoked     Name = "grant.revoked"
	GrantCaughtUp    Name = "grant.caught_up" // the row was behind what we had signed
	TokenRevoked     Name = "token.revoked"
)

// What happens to applications and to the server itself.
const (
	ProofReplayed       Name = "proof.replayed"     // a proof of possession was used again; once a minute for each client
	ProofRefused        Name = "proof.refused"      // a code or refresh token came without the key that it is bound to; likewise
	AssertionReplayed   Name = "assertion.replayed" // an assertion of a trusted issuer was used again; likewise
	ClientCreated       Name = "client.created"
	ClientChanged       Name = "client.changed"
	ClientDocument      Name = "client.document_changed" // what is said at its id is another thing than people agreed to, or differs a little
	ClientDeleted       Name = "client.deleted"
	ClientDisabled      Name = "client.disabled"
	ClientEnabled       Name = "client.enabled"
	ClientSecretRotated Name = "client.secret_rotated"
	ClientSecretRemoved Name = "client.secret_removed" // one of several; the others stay
	ClientChecked       Name = "client.checked"        // an administrator had its registration looked at, and the addresses in it asked for
	ClientToolsAllowed  Name = "client.tools_allowed"  // it may use the tools for administrators' MCP clients
	ClientToolsRemoved  Name = "client.tools_removed"  // … and may not any more
	ProposalMade        Name = "proposal.made"         // an administrator's MCP client asks for an act; nothing is done
	ProposalConfirmed   Name = "proposal.confirmed"    // … the administrator confirmed it, and it is done
	ProposalDenied      Name = "proposal.denied"       // … or refused it
	PingFailed          Name = "ping.failed"           // it was not told that a person decided: it refused, or did not answer
	PushFailed          Name = "push.failed"           // it was not sent its tokens, or why there are none: it refused, or did not answer
	LogoutFailed        Name = "logout.failed"         // it was not told that a session ended: it refused, or did not answer for a day
	ResourceChanged     Name = "resource.changed"
	ResourceDeleted     Name = "resource.deleted"
	ManagedChanged      Name = "managed.changed" // from now on it is kept by the files of another owner, or by none
	KeyMade             Name = "key.made"
	KeyActivated        Name = "key.activated"
	KeyRetired          Name = "key.retired"
	KeyDeleted          Name = "key.deleted"
	KeyDamaged          Name = "key.damaged"     // a row of the key ring does not open
	Resealed            Name = "master.resealed" // what older master keys sealed is under the first one now
	SealedDropped       Name = "master.dropped"  // an operator gave up what a lost master key had sealed
	SealedUnreadable    Name = "sealed.unreadable"
	ConfigLoaded        Name = "config.loaded"
	BackupMade          Name = "backup.made"
	BackupVerified      Name = "backup.verified"     // opened, tried and found good
	BackupRestored      Name = "backup.restored"     // this database comes from a backup; what it undid is in the detail
	DatabaseMoved       Name = "database.moved"      // everything came here from another database, which the detail names
	DatabaseUnfrozen    Name = "database.unfrozen"   // a move away from this database was taken back
	AdminRefused        Name = "admin.refused"       // an administrator lacked a permission, or acted on somebody who holds more
	AdminTokenMade      Name = "admin.token_made"    // an access token for the administrative API, by an operator at the host
	AdminTokenRevoked   Name = "admin.token_revoked" // … and taken back
	APIKeyMade          Name = "api_key.made"        // a fixed key for the administrative API, of an app
	APIKeyRevoked       Name = "api_key.revoked"     // … and taken back
	AuditExported       Name = "audit.exported"      // events were read in bulk, through the API; once an hour for the same reader
	UserRead            Name = "user.read"           // an administrator looked at what is kept about one person; once an hour for the same two
	FirstRunOffered     Name = "first_run.offered"   // a link that makes the first administrator was shown where the server was started
	FirstRunUsed        Name = "first_run.used"      // … and made one
	MailRetried         Name = "mail.retried"        // an administrator had an email tried again that waits or was given up
	MailDropped         Name = "mail.dropped"        // … or that it is not sent at all
	UpstreamCreated     Name = "upstream.created"    // a provider where people sign in, kept in the database by an administrator
	UpstreamChanged     Name = "upstream.changed"
	UpstreamDisabled    Name = "upstream.disabled"
	UpstreamEnabled     Name = "upstream.enabled"
	UpstreamDeleted     Name = "upstream.deleted"
	SettingChanged      Name = "setting.changed" // how pages look, or the mail server, kept in the database by an administrator
	SettingReset        Name = "setting.reset"   // … and what the configuration says counts again
	WebhookCreated      Name = "webhook.created"
	WebhookChanged      Name = "webhook.changed"
	WebhookDeleted      Name = "webhook.deleted"
	WebhookRotated      Name = "webhook.secret_rotated"
	WebhookEnabled      Name = "webhook.enabled"
	WebhookDisabled     Name = "webhook.disabled" // by somebody, or because it took nothing for days or said that it is gone
)

// Outcome says whether it succeeded.
type Outcome string

// The two outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// failures are the names whose outcome is Failure unless the event says otherwise.
var failures = map[Name]bool{
	SignInFailed: true, SignInThrottled: true, FactorFailed: true, FactorThrottled: true, SignUpRefused: true, SignUpThrottled: true,
	EmailThrottled: true,
	ConsentDenied:  true, DeviceDenied: true, RequestDenied: true,
	AdminRefused: true,
	CodeReplayed: true, RefreshReused: true, ProofReplayed: true, ProofRefused: true, AssertionReplayed: true,
	PasskeyCloned: true, KeyDamaged: true, SealedUnreadable: true,
}
