#!/bin/sh
# Runs test programs (and the test scripts beside it), shows what fails, ends with "N passed, N failed". A program that
# crashes, or that ends without check's summary line, counts as one failed.
passed=0 failed=0
log=$B/tests.log
export ASAN_OPTIONS="allocator_may_return_null=1:$ASAN_OPTIONS" # a test asks for more than there is, and wants NULL
export TSAN_OPTIONS="die_after_fork=0:allocator_may_return_null=1:$TSAN_OPTIONS"
export CK_DEFAULT_TIMEOUT=600 # a busy machine is no failure: only what hangs is
: > "$log"

count() { # name, exit status, output file
    line=$(sed -n 's/^.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*$/\1 \2 \3/p' "$3" | tail -1)
    set -- "$1" "$2" "$3" ${line:-0 0 1}
    bad=$(($5 + $6))
    [ "$2" != 0 ] && [ $bad = 0 ] && bad=1
    passed=$((passed + $4 - $5 - $6)) failed=$((failed + bad))
    [ -z "$line" ] && passed=$((passed + 1))
    [ $bad = 0 ] || { echo "---- $1 (exit $2)"; cat "$3"; }
    grep '^skipped: ' "$3"
    cat "$3" >> "$log"
}

# as many at a time as there are processors
export RUN
printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -I@ sh -c '$RUN @ > @.out 2>&1; echo $? > @.status'
for program; do count "$program" "$(cat "$program.status")" "$program.out"; done
[ "$B" != build ] || for script in tests/check_*.sh; do
    [ -e "$script" ] || continue
    out=$B/$(basename "$script").out
    sh "$script" > "$out" 2>&1
    count "$script" $? "$out"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
