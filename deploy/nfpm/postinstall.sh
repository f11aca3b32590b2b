#!/bin/sh
set -e
# The settings may hold secrets: root writes them, the service reads them, others do neither. A group that somebody chose stays.
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers signet.conf
	if [ "$(stat -c %G /etc/signet/config.yaml 2>/dev/null)" = root ]; then chgrp signet /etc/signet/config.yaml; fi
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart signet.service || true # an upgrade: a server that runs takes up the new binary
fi
