#!/bin/sh
# Prints what is known of processes, one a line: "pid group state start", and for tagged ones "… machine deployment".
# usage: local_processes.sh look PID...     those that exist
#        local_processes.sh tagged          those whose environment names a machine of Emberlane (Linux)
# A script, because reading /proc in the gateway's own process would need every permission.
set -u

[ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id

describe() {
  if [ -n "${boot:-}" ]; then
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    pid=$1
    # shellcheck disable=SC2086 # the fields after the name hold no blanks of their own
    set -- ${stat##*) }
    printf '%s %s %s %s.%s' "$pid" "$3" "$1" "${20}" "${boot%%-*}"
  else
    row=$(LC_ALL=C ps -o pgid= -o stat= -o lstart= -p "$1" 2>/dev/null) || return 1
    pid=$1
    # shellcheck disable=SC2086
    set -- $row
    group=$1 state=$2
    shift 2
    start=$(IFS=_ && echo "$*")
    printf '%s %s %s %s' "$pid" "$group" "$state" "$start"
  fi
}

case $1 in
look)
  shift
  for pid in "$@"; do describe "$pid" && echo; done
  ;;
tagged)
  [ -n "${boot:-}" ] || exit 0
  # Processes come and go while we read, and those of others cannot be read: neither is ours.
  for file in $(grep -ls EMBERLANE_MACHINE= /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    pid=${pid%/environ}
    words=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
    machine=$(printf '%s\n' "$words" | sed -n 's/^EMBERLANE_MACHINE=//p' | head -n 1)
    deployment=$(printf '%s\n' "$words" | sed -n 's/^EMBERLANE_DEPLOYMENT=//p' | head -n 1)
    [ -n "$machine" ] && [ -n "$deployment" ] || continue
    describe "$pid" && printf ' %s %s\n' "$machine" "$deployment"
  done
  ;;
*) exit 64 ;;
esac
exit 0
