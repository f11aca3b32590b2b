package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"signet/config"
	"signet/internal/backup"
	"signet/server"
)

// backupLate is by how much a backup may be late: the job looks every ten minutes.
const backupLate = time.Hour

// lookAtBackups tells how old the newest backup is. Of Postgres it knows nothing.
func lookAtBackups(ctx context.Context, c config.Config) []finding {
	const about = "backups"
	path := c.Storage.DSN.SQLitePath()
	if path == "" {
		return nil
	}
	if c.Backup.To == "" {
		return []finding{{about, true, "none are made on schedule (backup.to)"}}
	}
	var list []backup.Entry
	store, err := server.BackupOf(c).Store()
	if err == nil {
		list, err = store.List(ctx)
	}
	if err != nil {
		return []finding{{about, false, "backup.to cannot be read: " + err.Error()}}
	}
	newest, found := backup.Newest(list, time.Now())
	if !found {
		if _, err := os.Stat(path); err != nil {
			return []finding{{about, true, "none yet, as there is no database"}}
		}
		return []finding{{about, false, "there is none in " + c.Backup.To + ": `signet backup` makes one, and so does a server within a minute"}}
	}
	age := time.Since(newest.CreatedAt).Round(time.Minute)
	late := c.Backup.Every > 0 && age > c.Backup.Every+backupLate
	if late {
		return []finding{
			{about, false, fmt.Sprintf("the newest, %s, is %s old, and one is due every %s (backup.every): does the server run, and "+
				"what does its log say of the job backup?", newest.Name, age, c.Backup.Every)}}
	}
	return []finding{{about, true, fmt.Sprintf("%d, the newest is %s old; `signet backup verify latest` tries it", len(list), age)}}
}
