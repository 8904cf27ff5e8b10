#!/bin/sh
# The command `uvsadm-save [-n]`, or `ipvsadm-save`: prints the services and real servers of the director, for uvsadm-restore.
uvsadm=$(dirname -- "$(readlink -f -- "$0")")/uvsadm.sh
case "$#$1" in
  0) exec "$uvsadm" -S ;;
  1-n) exec "$uvsadm" -S -n ;;
esac
cat >&2 <<HELP
Usage: ${0##*/} [-n] > FILE
Prints the virtual services and real servers, for uvsadm-restore or ipvsadm-restore.
  -n   addresses and ports as numbers, not as names
HELP
exit 1
