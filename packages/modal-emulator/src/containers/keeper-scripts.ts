/**
 * The programs of a sandbox's views (`volume-views.ts`), for the shell of whatever image the sandbox has: GNU
 * tools or busybox. A name with a line break in it is not carried.
 */

/** Where the keeper has the volumes, by their number: as committed, and as the sandbox sees them. */
export const KEEPER_COMMITTED = "/committed";
export const KEEPER_VIEWS = "/views";

/** What keeper and sandbox share, as the keeper has it and as the sandbox has it. */
export const KEEPER_CONTROL = "/control";
export const SANDBOX_CONTROL = "/__modal/volumes";

/** The keeper's own program that hands it a request. */
export const REQUEST_PROGRAM = `${KEEPER_CONTROL}/request`;

/** Where a commit or reload is put together, in the volume that it changes. Not there otherwise. */
export const STAGE = ".modal-emulator-stage";

/**
 * Usage: `request commit|reload|close|drop NUMBER|all`. Waits for the keeper's answer. Both pipes are opened for
 * reading and writing, so that nobody hangs on one who has gone.
 */
export const REQUEST_SCRIPT = String.raw`#!/bin/sh
control=$(dirname "$0")
answer=$(mktemp -d "$control/XXXXXXXX") && mkfifo "$answer/pipe" || exit 1
exec 4<>"$answer/pipe"
printf '%s %s %s\n' "$1" "$2" "$(basename "$answer")" >"$control/requests"
read -r status message <&4
rm -r "$answer"
[ "$status" = done ] && exit 0
echo "$message"
exit 1
`;

/** In place of the sandbox's `sync`: that of a mount point returns when its volume is committed. */
export const SYNC_SCRIPT = String.raw`#!/bin/sh
for argument; do
  path=$(cd -P -- "$argument" 2>/dev/null && pwd -P) || continue
  number=0
  while IFS= read -r mount; do
    if [ "$mount" = "$path" ]; then
      message=$(${SANDBOX_CONTROL}/request commit $number) || {
        echo "sync: error syncing '$argument': $message" >&2
        exit 1
      }
    fi
    number=$((number + 1))
  done <${SANDBOX_CONTROL}/mounts
done
exec ${SANDBOX_CONTROL}/real-sync "$@"
`;

/**
 * Usage: `keeper SECONDS (rw|ro SUBPATH)…`, a pair a volume; with `REQUEST`, `SYNC` and `MOUNTS` (mount points,
 * a line each) in its environment. Fills the views, prints `ready` and the path of the image's `sync`, and
 * serves requests one after the other; a background commit is one, too.
 *
 * Of each volume it keeps two lists of entries, by which it knows what has changed: `base`, the view as it was
 * last committed, and `loaded`, the committed state as it was last loaded. A commit replaces inodes, and no one
 * writes into a committed file: there an inode tells two contents of a file apart, in a view the times do.
 */
export const KEEPER_SCRIPT = String.raw`
export LC_ALL=C
interval=$1
shift
tab=$(printf '\t')
line_break='
'
stage=${STAGE}

if tar --version 2>/dev/null | grep -q GNU; then
  pack() { tr '\n' '\0' <"$2" | tar -C "$1" --format=posix --numeric-owner --ignore-failed-read --no-recursion -cf - --null -T -; }
  unpack() { tar -C "$1" --numeric-owner --delay-directory-restore -xpf -; }
else
  pack() { tar -C "$1" --numeric-owner --no-recursion -cf - -T "$2"; }
  unpack() { tar -C "$1" --numeric-owner -xpf -; }
fi

# entries DIRECTORY [TIME]: a line each, what tells a change, a tab, the path; TIME is that of the change of
# status, where it tells something.
if find / -maxdepth 0 -printf '' 2>/dev/null; then
  entries() {
    (cd "$1" && find . -path "./$stage" -prune -o -name "*$line_break*" -prune -o \
      -type d -printf 'd %m %U:%G\t%p\n' -o -type f -printf "f %i %s %T@ $2 %m %U:%G\t%p\n" -o \
      -type l -printf "l %i %s %T@ $2 %U:%G\t%p\n") | sort
  }
  change_time=%C@
else
  entries() {
    (cd "$1" && for kind in "d:d %a %u:%g" "f:f %i %s %y $2 %a %u:%g" "l:l %i %s %y $2 %u:%g"; do
      find . -path "./$stage" -prune -o -name "*$line_break*" -prune -o -type "$(expr substr "$kind" 1 1)" \
        -exec stat -c "$(expr substr "$kind" 3 99)$tab%n" {} +
    done) | sort
  }
  change_time=%z
fi

paths() { cut -f2- | sort; }

# differences OLD NEW: what to carry, by kind, what is gone, and the paths of both.
differences() {
  comm -13 "$1" "$2" >lines
  for kind in d f l; do grep "^$kind" lines | paths >"changed-$kind"; done
  paths <"$2" >present
  comm -23 "$1" "$2" | paths | comm -23 - present >gone
  cat changed-d changed-f changed-l gone >touched
  [ -s touched ]
}

each() { while IFS= read -r path; do "$@"; done; }
unlink_other() { if [ -L "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; }; then rm -f "$path"; fi; }
unlink_directory() { if [ -d "$path" ] && [ ! -L "$path" ]; then rm -rf "$path"; fi; }
parents() { awk -F/ '{ p = $1; for (i = 2; i < NF; i++) { p = p "/" $i; if (!(p in seen)) { seen[p]; print p } } }'; }
lacking() { [ -d "$path" ] || echo "$path"; }
rename_link() { mv -f -T "$stage/l/$path" "$path"; }
copy_directories() { pack "$1" "$2" | unpack .; }

# carry FROM TO: what differences has found. Everything is copied first; then directories, files and links get
# their names, and what is gone goes last: whoever is killed in between leaves no name of what is not there.
carry() {
  state=$PWD
  (
    cd "$2" && rm -rf "$stage" && mkdir -m 700 "$stage" "$stage/f" "$stage/l" || exit 1
    for kind in f l; do
      [ ! -s "$state/changed-$kind" ] || pack "$1" "$state/changed-$kind" | unpack "$stage/$kind" || exit 1
    done
    each unlink_other <"$state/changed-d"
    cat "$state/changed-f" "$state/changed-l" | tee "$state/others" | each unlink_directory
    cat "$state/changed-d" "$state/others" | parents | each lacking | cat - "$state/changed-d" | sort -u >"$state/directories"
    [ ! -s "$state/directories" ] || copy_directories "$1" "$state/directories" || exit 1
    [ ! -s "$state/changed-f" ] || cp -R -P -l -f "$stage/f/." . || exit 1
    (cd "$stage/l" && find . -type l) | each rename_link || exit 1
    rm -rf "$stage"
    sort -r "$state/gone" | tr '\n' '\0' >"$state/gone-0"
    xargs -0 rm -f <"$state/gone-0" 2>/dev/null
    xargs -0 rmdir <"$state/gone-0" 2>/dev/null
    true
  )
}

# merge LIST DIRECTORY [TIME]: the list, with the touched paths as they are now in the directory.
merge() {
  with() { awk -v want="$1" 'FNR == NR { touched[$0]; next } ((substr($0, index($0, "\t") + 1) in touched) == want)' touched "$2"; }
  entries "$2" "$3" >scan
  { with 0 "$1"; with 1 scan; } | sort >merged
  mv merged "$1"
}

fill() {
  entries "$from" "" >loaded
  paths <loaded >everything
  pack "$from" everything | unpack "$view" || return 1
  entries "$view" "$change_time" >base
}

commit() {
  [ "$mode" = rw ] || return 0
  entries "$view" "$change_time" >now
  differences base now || return 0
  flock -x 9
  carry "$view" "$from" && merge loaded "$from" "" && mv now base
}

reload() {
  commit || return 1
  flock -s 9
  entries "$from" "" >committed
  differences loaded committed || return 0
  carry "$from" "$view" && merge base "$view" "$change_time" && mv committed loaded
}

# on NUMBER ACTION: in the volume's own state; the lock is one on the committed directory itself.
on() {
  root=${KEEPER_COMMITTED}/$1 view=${KEEPER_VIEWS}/$1
  cd "/state/$1" && read -r mode sub <settings && from=$root/$sub || return 1
  "$2" 9<"$root"
}

on_all() {
  number=0
  while [ -d "/state/$number" ]; do
    on "$number" "$1" || return 1
    number=$((number + 1))
  done
}

# What to tell of a failure: a full disk, for which tar has other words within a file, before what tar says last.
reason() {
  sed 's/: Wrote only .*/: No space left on device/' /state/error >/state/reasons
  grep -m 1 'No space left' /state/reasons || grep -v 'due to previous errors' /state/reasons | tail -n 1
}

serve() {
  case $1 in close) action=commit ;; drop) action=true ;; commit | reload) action=$1 ;; *) return 1 ;; esac
  case $2 in all) on_all "$action" ;; *) on "$2" "$action" ;; esac
}

cd ${KEEPER_CONTROL} && chmod 1777 . || exit 1
if [ ! -e real-sync ]; then
  number=0
  while [ $# -gt 0 ]; do
    mkdir -p "/state/$number" "${KEEPER_COMMITTED}/$number/$2" && printf '%s %s\n' "$1" "$2" >"/state/$number/settings" || exit 1
    number=$((number + 1))
    shift 2
  done
  printf '%s' "$MOUNTS" >mounts
  printf '%s' "$REQUEST" >request && printf '%s' "$SYNC" >sync && chmod 755 request sync || exit 1
  mkfifo -m 666 requests || exit 1
  filling() { flock -s 9 && fill; }
  on_all filling || exit 1
  cd ${KEEPER_CONTROL}
  program=$(readlink -f "$(command -v sync)")
  case $program in
    */sync) cp "$program" real-sync ;;
    "") printf '#!/bin/sh\n' >real-sync ;;
    *) printf '#!/bin/sh\nexec %s sync "$@"\n' "$program" >real-sync ;;
  esac
  chmod 755 real-sync
fi
exec 3<>requests
echo "ready $(command -v sync)"
(while sleep "$interval"; do ${REQUEST_PROGRAM} commit all; done) >/dev/null 2>&1 &
while read -r verb number answer <&3; do
  case $answer in '' | *[!A-Za-z0-9]*) continue ;; esac
  if serve "$verb" "$number" 2>/state/error; then status=done; else status="failed $(reason)"; fi
  pipe=${KEEPER_CONTROL}/$answer/pipe
  if [ -p "$pipe" ]; then echo "$status" 1<>"$pipe"; fi
  # Nothing is committed after that, not even by a timer.
  case $verb in close | drop) [ "$status" != done ] || exec sleep 172800 ;; esac
done
`;
