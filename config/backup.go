package config

import (
	"path/filepath"
	"strings"
	"time"
)

// Backup is when copies of a SQLite database are made, where they go, and who can open them.
type Backup struct {
	To    string        `yaml:"to"`    // folder, or s3://BUCKET/PREFIX; "" = none are made on schedule
	Every time.Duration `yaml:"every"` // 0 = by command only
	Keep  int           `yaml:"keep"`  // the newest so many; 0 = all

	Recipients    []string `yaml:"recipients"`      // age1…: who can open them
	Passphrase    Secret   `yaml:"passphrase"`      // in the place of recipients
	Plain         bool     `yaml:"plain"`           // not encrypted
	WithMasterKey bool     `yaml:"with_master_key"` // the master key is inside

	Journal string `yaml:"journal"` // file of acts that a restore must not undo; "" = journal.jsonl in the folder
	S3      S3     `yaml:"s3"`
}

// S3 is a store that speaks the protocol of Amazon's S3.
type S3 struct {
	Endpoint     string `yaml:"endpoint"` // https://s3.example.com
	Region       string `yaml:"region"`
	AccessKey    string `yaml:"access_key"`
	SecretKey    Secret `yaml:"secret_key"`
	CAFile       string `yaml:"ca_file"`        // authorities of its certificate; "" = the system's
	BucketInHost bool   `yaml:"bucket_in_host"` // the bucket's name is in front of the host, not in the path
}

// BucketScheme begins the address of a bucket.
const BucketScheme = "s3://"

// Bucket reports whether a place for backups is a bucket: s3://NAME or s3://NAME/PREFIX.
func Bucket(to string) bool { return strings.HasPrefix(to, BucketScheme) }

// Scheduled reports whether the server makes backups by itself.
func (b Backup) Scheduled() bool { return b.To != "" && b.Every > 0 }

// JournalFile is where acts are written that a restore must not undo; "" = nowhere.
func (c Config) JournalFile() string {
	switch b := c.Backup; {
	case c.Storage.DSN.SQLitePath() == "":
		return ""
	case b.Journal != "":
		return b.Journal
	case b.To != "" && !strings.Contains(b.To, "://"):
		return filepath.Join(b.To, "journal.jsonl")
	}
	return ""
}

// Offline is the tree without whatever leads out: mail, upstreams, lists to ask, documents of apps, backups.
func (c Config) Offline() Config {
	c.Mail.Sender, c.Passwords.RangeAPI, c.Upstreams, c.Backup = MailNone, "", nil, Backup{}
	c.ClientDocuments.Mode, c.Registration.Mode, c.Egress.AllowHosts = DocumentsOff, RegistrationOff, nil
	return c
}

func (c Config) checkBackup(bad *complaints) {
	b := c.Backup
	sqlite := !c.Storage.DSN.Postgres()
	bad.check(sqlite || b.To == "" && b.Journal == "", "backup",
		"is for SQLite; back Postgres up with its own tools (docs/operations.md) and leave backup.to and backup.journal empty")
	bad.check(b.Every == 0 || b.Every >= time.Minute && b.Every <= 366*day, "backup.every",
		"must be 0 (by command only), or between 1m and 8784h")
	bad.check(b.Keep >= 0 && b.Keep <= 100_000, "backup.keep", "must be between 0 (all) and 100000")
	bad.check(len(b.Recipients) == 0 || b.Passphrase.Empty(), "backup.recipients", "and backup.passphrase exclude each other")
	encrypted := len(b.Recipients) > 0 || !b.Passphrase.Empty()
	bad.check(!b.Plain || !encrypted, "backup.plain", "must be false where backup.recipients or backup.passphrase is set")
	bad.check(b.To == "" || encrypted || b.Plain, "backup.to",
		"needs somebody who can open the backups: backup.recipients (age1…, of `age-keygen`) or backup.passphrase; or, in so many words, "+
			"backup.plain: true")
	bad.check(!b.WithMasterKey || encrypted, "backup.with_master_key",
		"needs backup.recipients or backup.passphrase: who finds such a backup has everything")
	if Bucket(b.To) {
		bucket, _, _ := strings.Cut(strings.TrimPrefix(b.To, BucketScheme), "/")
		bad.check(bucket != "", "backup.to", "%q names no bucket; write it like s3://backups/signet", b.To)
		bad.check(b.S3.Endpoint != "" && b.S3.Region != "" && b.S3.AccessKey != "" && !b.S3.SecretKey.Empty(), "backup.s3",
			"needs endpoint, region, access_key and secret_key (SIGNET_BACKUP_S3_SECRET_KEY_FILE), as backup.to is a bucket")
	} else {
		bad.check(!strings.Contains(b.To, "://"), "backup.to", "%q is neither a folder nor s3://BUCKET/PREFIX", b.To)
	}
	bad.check(c.Storage.Snapshots >= 0 && c.Storage.Snapshots <= 100, "storage.snapshots", "must be between 0 (none are made) and 100")
}
