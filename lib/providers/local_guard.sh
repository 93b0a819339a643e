#!/bin/sh
# Becomes the engine's process, after leaving a watcher in its group that lets nothing outlive its keepers:
# it ends the whole group when the gateway asked for it, when nobody beat for ORPHAN_S, or when the engine is gone.
# usage: local_guard.sh DIR ORPHAN_S GRACE_S MACHINE DEPLOYMENT COMMAND...
# It must be started as the leader of its own session, with nothing on its standard streams.
set -u

dir=$1
orphan_s=$2
grace_s=$3
machine=$4
deployment=$5
shift 5
leader=$$

# What, beside its number, tells this process from a later one of the same number. The same words as local_processes.sh.
start_of() {
  if stat=$(cat "/proc/$1/stat" 2>/dev/null); then
    read -r boot </proc/sys/kernel/random/boot_id
    # shellcheck disable=SC2086 # the fields after the name hold no blanks of their own
    set -- ${stat##*) }
    echo "${20}.${boot%%-*}"
  else
    # shellcheck disable=SC2046
    set -- $(LC_ALL=C ps -o lstart= -p "$1")
    (IFS=_ && echo "$*")
  fi
}

# A dead process that nobody has collected still has a number; it is gone all the same.
is_gone() {
  if stat=$(cat "/proc/$leader/stat" 2>/dev/null); then
    case ${stat##*) } in [ZX]*) return 0 ;; esac
    return 1
  fi
  [ -d /proc/self ] && return 0
  case $(ps -o stat= -p "$leader" 2>/dev/null) in '' | Z*) return 0 ;; esac
  return 1
}

# The number of the group cannot be given to others while this watcher is in it, so this never hits a stranger.
end_group() {
  [ "$1" = signalled ] || kill -s TERM -- "-$leader" 2>/dev/null
  waited=0
  while [ "$waited" -lt "$grace_s" ] && ! is_gone; do
    sleep 1
    waited=$((waited + 1))
  done
  # What the engine left behind got its TERM with it, and one more second.
  sleep 1
  kill -s KILL -- "-$leader" 2>/dev/null
  exit 0
}

watch() {
  trap : TERM INT HUP
  last=
  quiet_s=0
  while ! is_gone; do
    sleep 1
    beat=
    read -r beat 2>/dev/null <"$dir/alive"
    if [ "$beat" = "$last" ]; then quiet_s=$((quiet_s + 1)); else
      last=$beat
      quiet_s=0
    fi
    asked=
    read -r asked 2>/dev/null <"$dir/stop"
    # Whoever wrote "asked" signals next and writes "signalled"; if it died between, we signal in its place.
    [ -n "$asked" ] && [ "$asked" = "${asked_before:-}" ] && end_group "$asked"
    [ "$asked" = signalled ] && end_group signalled
    asked_before=$asked
    [ "$quiet_s" -ge "$orphan_s" ] && end_group orphan
  done
  end_group left
}

# Two gateways may start the same machine; only one of their guards makes this directory.
mkdir "$dir/run" 2>/dev/null || exit 75
echo "$leader $(start_of "$leader")" >"$dir/run/pid.new" || exit 73
mv "$dir/run/pid.new" "$dir/run/pid" || exit 73

# The extra fork gives the watcher to init, so that the engine never meets a child it did not make.
(watch </dev/null >/dev/null 2>&1 &)

exec env EMBERLANE_MACHINE="$machine" EMBERLANE_DEPLOYMENT="$deployment" "$@" \
  >>"$dir/engine.log" 2>&1 </dev/null
