package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signet/config"
	"signet/internal/backup"
	"signet/internal/regular"
)

// Store is where backups are kept: a folder, or s3://BUCKET/PREFIX with the settings of the store.
func (o BackupOptions) Store() (backup.Store, error) {
	to, s := o.To, o.S3
	if !config.Bucket(to) {
		return backup.Folder(to), nil
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(to, config.BucketScheme), "/")
	at := backup.BucketOptions{
		Endpoint: s.Endpoint, Region: s.Region, Bucket: bucket, Prefix: strings.Trim(prefix, "/"), AccessKey: s.AccessKey,
		SecretKey: s.SecretKey.Reveal(), Hosts: s.BucketInHost,
	}
	if s.CAFile != "" {
		var err error
		if at.CA, err = regular.Read(s.CAFile, regular.PEM); err != nil {
			return nil, fmt.Errorf("backup.s3.ca_file: %w", err)
		}
	}
	b, err := backup.NewBucket(at)
	if err != nil {
		return nil, fmt.Errorf("backup.s3: %w", err)
	}
	return b, nil
}

// FetchBackup finds a backup by its path, by its name in backup.to, or the latest there, and returns a file; done removes it if it was
// fetched from afar.
func FetchBackup(ctx context.Context, c config.Config, word string) (file string, done func() error, err error) {
	done = func() error { return nil }
	if c.Backup.To == "" || strings.ContainsRune(word, filepath.Separator) {
		return word, done, nil
	}
	store, err := BackupOf(c).Store()
	if err != nil {
		return "", done, err
	}
	if word == "latest" {
		list, err := store.List(ctx)
		last, found := backup.Newest(list, time.Now())
		if err == nil && !found {
			err = fmt.Errorf("there is no backup in %s", c.Backup.To)
		}
		if err != nil {
			return "", done, err
		}
		word = last.Name
	} else if _, err := os.Stat(word); err == nil {
		return word, done, nil
	}
	if !config.Bucket(c.Backup.To) {
		return filepath.Join(c.Backup.To, word), done, nil
	}
	folder, cleared, err := scratch("", "signet-fetched-")
	if err != nil {
		return "", done, err
	}
	file = filepath.Join(folder, filepath.Base(word))
	if err := store.Get(ctx, word, file); err != nil {
		return "", done, errors.Join(err, cleared())
	}
	return file, cleared, nil
}

// checkBackups looks at what config cannot know: whether recipients and the store are such.
func checkBackups(c config.Config) error {
	if c.Backup.To == "" {
		return nil
	}
	o := BackupOf(c)
	_, err := o.Store()
	if o.Sealing.Encrypts() { // config misses the others
		err = errors.Join(under("backup: ", o.Sealing.Check()), err)
	}
	return err
}
