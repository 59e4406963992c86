#!/bin/sh
# How programs and shared library are built, read off them by readelf and nm: at any address, nothing that is both written
# and run, bound at start and then read-only, watched stacks and checked buffers, no folder to look for libraries in, no
# names but the headers'.
checks=0 failures=0
check() { # what, then a command that must succeed
    what=$1; shift; checks=$((checks + 1))
    "$@" > /dev/null || { failures=$((failures + 1)); echo "built: $what"; }
}
has() { readelf -W "$1" "$2" 2>&1 | grep -qE -- "$3"; }
lacks() { ! has "$@"; }
undefined() { nm -D -u "$1" | grep -qE " $2(@|\$)"; }
same() { diff "$1" "$2" >&2; }
if ! command -v readelf || ! readelf -h "$B/libtarn.so"; then
    echo "skipped: check_built.sh: there is no readelf, or nothing for it to read"
    echo "Checks: 0, Failures: 0, Errors: 0"
    exit 0
fi > /dev/null 2>&1
programs=$(ls examples/*.c | sed 's/\.c$//')
for file in $programs "$B/libtarn.so"; do
    check "$file has one fixed address" has -h "$file" 'Type: +DYN'
    check "$file has no read-only relocations" has -l "$file" 'GNU_RELRO'
    check "$file is not bound at start" has -d "$file" 'BIND_NOW|FLAGS.* NOW'
    check "$file has no program header of its stack" has -l "$file" 'GNU_STACK'
    check "$file has memory that is both written and run" lacks -l "$file" '(LOAD|GNU_STACK).* RWE'
    check "$file has relocations in its code" lacks -d "$file" 'TEXTREL'
    check "$file looks for libraries in folders of its own" lacks -d "$file" 'RPATH|RUNPATH'
    check "$file does not watch its stack" undefined "$file" __stack_chk_fail
    check "$file does not check its buffers" undefined "$file" '__[a-z]+_chk'
    check "$file needs more than libc and libm" \
        sh -c "! readelf -d '$file' | grep NEEDED | grep -vE '\[(libc|libm|libpthread|ld-linux[-a-z0-9]*)\.so\.[0-9]+\]'"
done

# what the headers declare is what the shared library exports, and the static ones hold no other global names
work=$B/built
rm -rf "$work" && mkdir -p "$work"
${CC:-cc} -std=c11 -Iinclude -E -P include/tarn/tarn.h | tr '\n;' ' \n' | grep -v '^ *typedef' |
    grep -oE '\b(tn|nn|optim)_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u > "$work/declared"
nm -D --defined-only "$B/libtarn.so" | awk '{ print $3 }' | sort -u > "$work/exported"
check "libtarn.so exports not just what the headers declare" same "$work/declared" "$work/exported"
for lib in "$B/libtarn.a" "$B/libtarn64.a"; do
    nm -g --defined-only "$lib" | awk 'NF == 3 { print $3 }' | grep -vE '^(tn|nn|optim)_' > "$work/strange"
    check "$lib has names without its prefixes" same /dev/null "$work/strange"
done

echo "Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
