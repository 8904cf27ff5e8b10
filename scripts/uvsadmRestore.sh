#!/bin/sh
# The command `uvsadm-restore`, or `ipvsadm-restore`: replaces the services and real servers of the director by those on standard input,
# as uvsadm-save prints them. Lines that begin with # are comments.
uvsadm=$(dirname -- "$(readlink -f -- "$0")")/uvsadm.sh
if [ "$#" -gt 0 ]; then
  cat >&2 <<HELP
Usage: ${0##*/} < FILE
Replaces the virtual services and real servers by those of FILE, as uvsadm-save or ipvsadm-save prints them.
HELP
  exit 1
fi
# All of it is read before anything is cleared, so that `uvsadm-save | uvsadm-restore` is safe.
rules=$(grep -v '^#')
"$uvsadm" -C || exit $?
printf '%s\n' "$rules" | "$uvsadm" -R
