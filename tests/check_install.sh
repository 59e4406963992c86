#!/bin/sh
# make install, staged: a program outside the tree builds against it by pkg-config, in C and in C++, dynamically and
# statically, and in double; a program of one build does not link with the other's library; the shared library exports
# its prefixes alone.
stage=$(cd "$B" && pwd)/stage checks=0 failures=0
check() { # name, command...
    checks=$((checks + 1)) name=$1; shift
    "$@" > "$stage.log" 2>&1 || { failures=$((failures + 1)); echo "install: $name"; cat "$stage.log"; }
}
not() { ! "$@"; }
rm -rf "$stage"
check "make install" make --no-print-directory B="$B" install DESTDIR="$stage" PREFIX=/usr
lib=$stage/usr/lib
export PKG_CONFIG_SYSROOT_DIR="$stage" PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
cp examples/xor.c examples/xor.cpp "$stage"
for language in c c++; do
    case $language in
    c) compile="${CC:-cc} -std=c11 $stage/xor.c" ;;
    *) compile="${CXX:-c++} -std=c++11 $stage/xor.cpp" ;;
    esac
    check "$language, shared" $compile $(pkg-config --cflags --libs tarn) -o "$stage/shared"
    check "$language, shared runs" "$stage/shared"
    check "$language, soname" sh -c "readelf -d '$stage/shared' | grep -q 'NEEDED.*libtarn.so.0'"
    check "$language, static" $compile -static $(pkg-config --static --cflags --libs tarn) -o "$stage/static"
    check "$language, static runs" "$stage/static"
    check "$language, double" $compile $(pkg-config --cflags --libs tarn64) -o "$stage/double"
    check "$language, double runs" "$stage/double"
    check "$language, all print the same" sh -c "'$stage/shared' > '$stage/1' && '$stage/static' | cmp - '$stage/1'"
done
check "a mixed program does not link" not ${CC:-cc} -std=c11 -DTN_DOUBLE "$stage/xor.c" -I"$stage/usr/include" "$lib/libtarn.a" \
    -lm -lpthread -o "$stage/mixed"
check "exported names" not sh -c "nm -D --defined-only '$lib/libtarn.so' | grep -v -E ' (tn_|nn_|optim_)'"
check "classify" sh -c "'$stage/usr/bin/classify' --version | grep -qx 'classify $(sed -n 's/^Version: //p' "$lib/pkgconfig/tarn.pc")'"
check "classify's page" cmp examples/classify.1 "$stage/usr/share/man/man1/classify.1"
check "completion for bash" grep -q '^complete .* classify$' "$stage/usr/share/bash-completion/completions/classify"
check "completion for zsh" grep -q '^#compdef classify$' "$stage/usr/share/zsh/site-functions/_classify"
echo "Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
