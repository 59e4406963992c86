#!/bin/sh
# Every code block of README.md: a C block is compiled, run, and must print the text block that follows it, if one does;
# a C block that is a file of examples/ must be that file; shell blocks are run, but for `make test`, which runs this.
work=$B/readme
rm -rf "$work" && mkdir -p "$work"
awk -v dir="$work" '
    /^```/ && !inside { inside = 1; kind = substr($0, 4); n++; file = sprintf("%s/%02d.%s", dir, n, kind); printf "" > file; next }
    /^```/ { inside = 0; close(file); next }
    inside { print > file }' README.md

checks=0 failures=0
bad() { failures=$((failures + 1)); echo "README.md: $*"; }
make() { [ "$1" = test ] || command make --no-print-directory "$@"; }

for f in "$work"/*; do
    n=$(basename "$f" | sed 's/\..*//')
    case $f in
    *.c)
        checks=$((checks + 1))
        ${CC:-cc} -std=c11 -Wall -Wextra -Werror -Iinclude "$f" "$B/libtarn.a" -lm -lpthread -o "$work/$n" || { bad "block $n does not compile"; continue; }
        (cd "$work" && "./$n" > "$n.out" 2>&1) || bad "the program of block $n fails: $(cat "$work/$n.out")" ;;
    *.text)
        checks=$((checks + 1))
        before=$(printf %02d $((${n#0} - 1)))
        [ ! -e "$work/$before.out" ] || diff "$f" "$work/$before.out" || bad "block $before prints something else than block $n" ;;
    *.sh)
        checks=$((checks + 1))
        (set -e; . "$f") > "$work/$n.out" 2>&1 || bad "the commands of block $n fail: $(tail -5 "$work/$n.out")" ;;
    *) bad "block $n is of no known kind: $f" ;;
    esac
done
grep -q . examples/xor.c && sed -n '/^```c$/,/^```$/p' README.md | sed '1d' | sed '/^```$/q' | sed '$d' | cmp -s - examples/xor.c || bad "the first program is not examples/xor.c"
checks=$((checks + 1))
labels() { sed -n "$1" "$2" | sort; } # what the program draws is what the picture shows
labels 's/.*label="\([^\\"]*\).*/\1/p' "$work/model.dot" > "$work/drawn"
labels 's/^<text.*>\([a-z_.]*\)<\/text>$/\1/p' examples/classifier.svg | diff - "$work/drawn" || bad "examples/classifier.svg is not of this program: make picture"
checks=$((checks + 1))
echo "Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
