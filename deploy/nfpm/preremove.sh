#!/bin/sh
set -e
# An upgrade goes on running the old binary until the new one is in place. /var/lib/signet stays: database and master key are no package's.
case "$1" in
upgrade | 1) ;;
*) if [ -d /run/systemd/system ]; then systemctl disable --now signet.service || true; fi ;;
esac
