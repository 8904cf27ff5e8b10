#!/bin/sh
# The command `uvsadm`, or `ipvsadm` when it is linked under that name: starts its client on the project's own Node, whose start takes
# a third of the time of Debian's, else on whichever there is, from Node 18 on.
folder=$(dirname -- "$(readlink -f -- "$0")")
node=$folder/../node_modules/.bin/node
[ -x "$node" ] || node=node
name=${0##*/}
exec "$node" "$folder/uvsadm.mjs" "--program=${name%.sh}" "$@"
