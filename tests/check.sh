# What check_*.sh begin with, by `. tests/check.sh`: how a check is made and counted. `ends` is their last line.
suite=$(basename "$0" .sh); suite=${suite#check_}
checks=0 failures=0
bad() { failures=$((failures + 1)); echo "$suite: $*"; }
ok() { # text, then a command that must succeed
    what=$1; shift; checks=$((checks + 1))
    "$@" || bad "$what"
}
same() { ok "$1" cmp -s "$2" "$3"; } # text, then two files with the same bytes
status() { # exit status, part of the error's text, then the command; its output and errors are out and err in $work
    want=$1 part=$2; shift 2; checks=$((checks + 1))
    "$@" > "$work/out" 2> "$work/err" < /dev/null
    got=$?
    [ $got = "$want" ] && { [ -z "$part" ] || grep -qF -- "$part" "$work/err"; } ||
        bad "'$*' ends with $got, not $want, and says: $(cat "$work/err")"
}
ends() {
    echo "Checks: $checks, Failures: $failures, Errors: 0"
    [ "$failures" = 0 ]
}
