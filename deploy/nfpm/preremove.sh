#!/bin/sh
set -e
# Debian says "remove", Red Hat how many versions are left. An upgrade goes on running the old binary until the new one is in place. The
# socket ends with the service: systemd would go on listening, and have nothing to start. /var/lib/signet stays: database and master key are
# no package's.
case "$1" in
remove | 0) if [ -d /run/systemd/system ]; then systemctl disable --now signet.socket signet.service || true; fi ;;
esac
