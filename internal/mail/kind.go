package mail

// The kinds of emails, each with texts in every language (templates/lang, mail.KIND.…), and the words they want in Args.
// Emails about an act also take Agent and Network, of whoever did it, and NotMe, the address of the page that stops it.
const (
	Verify              = "verify"                // Link: an address for a new account
	VerifyAddress       = "verify_address"        // Link: the address of an account that is there
	SignupExists        = "signup_exists"         // Link: to sign in
	Reset               = "reset"                 // Link
	Code                = "code"                  // Code; Minutes
	ConfirmCode         = "confirm_code"          // Code; Minutes: to confirm that it is them
	Confirmed           = "confirmed"             //
	EmailChange         = "email_change"          // Link; to the new address
	EmailChanged        = "email_changed"         // Link: undo; to the old address
	EmailUndone         = "email_undone"          // Link: reset
	PasswordChanged     = "password_changed"      //
	PasswordReset       = "password_reset"        //
	NewDevice           = "new_device"            //
	FactorAdded         = "factor_added"          // Factor: totp, passkey, recovery
	FactorRemoved       = "factor_removed"        // Factor
	RecoveryUsed        = "recovery_used"         // Left: codes
	RecoveryStarted     = "recovery_started"      // Link: stop; Day (RFC 3339)
	RecoveryReady       = "recovery_ready"        // Link
	ResetLink           = "reset_link"            // Link; by an operator
	TokenReuse          = "token_reuse"           // App: its name
	AgentAllowed        = "agent_allowed"         // App: its name
	Decision            = "decision"              // App: its name; Message: that it shows, "–" = none; Link: to the page that decides
	KeyEnding           = "key_ending"            // App: whose API key; Key: its id; Day; Link: to the page of the app
	AccountUnlinked     = "account_unlinked"      // Provider: its name
	AccountLinked       = "account_linked"        // Provider: its name
	Frozen              = "frozen"                // Link: reset
	Invitation          = "invitation"            // Link; Day
	DeleteAsked         = "delete_asked"          // Link: keep; Day
	Deleted             = "deleted"               //
	SignedOutEverywhere = "signed_out_everywhere" //
	Test                = "test"                  //
)

// WithLinks lists those that hold a link or a code, which somebody may have used or which may have ended by the time they arrive late.
func WithLinks() []string {
	return []string{
		Verify, VerifyAddress, SignupExists, Reset, Code, ConfirmCode, EmailChange, EmailChanged, EmailUndone, RecoveryStarted, RecoveryReady,
		ResetLink, Frozen, Invitation, DeleteAsked,
	}
}

// Kinds lists them all.
func Kinds() []string {
	return []string{
		Verify, VerifyAddress, SignupExists, Reset, Code, ConfirmCode, Confirmed, EmailChange, EmailChanged, EmailUndone, PasswordChanged,
		PasswordReset,
		NewDevice, FactorAdded, FactorRemoved, RecoveryUsed, RecoveryStarted, RecoveryReady, ResetLink, TokenReuse, AgentAllowed, Decision,
		KeyEnding, AccountLinked,
		AccountUnlinked,
		Frozen, Invitation, DeleteAsked, Deleted, SignedOutEverywhere, Test,
	}
}
