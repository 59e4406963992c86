#!/bin/sh
# make install, staged: a program outside the tree builds against it by pkg-config, dynamically and statically, and in
# double; a program of one build does not link with the other's library; the shared library exports its prefixes alone.
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
cp examples/xor.c "$stage/xor.c"
cc=${CC:-cc}
check "pkg-config" $cc -std=c11 "$stage/xor.c" $(pkg-config --cflags --libs tarn) -o "$stage/dynamic"
check "shared library" "$stage/dynamic"
check "soname" sh -c "readelf -d '$stage/dynamic' | grep -q 'NEEDED.*libtarn.so.0'"
check "static" $cc -std=c11 "$stage/xor.c" -I"$stage/usr/include" "$lib/libtarn.a" -lm -lpthread -o "$stage/static"
check "static runs" "$stage/static"
check "double" $cc -std=c11 -DTN_DOUBLE "$stage/xor.c" -I"$stage/usr/include" "$lib/libtarn64.a" -lm -lpthread -o "$stage/double"
check "double runs" "$stage/double"
check "a mixed program does not link" not $cc -std=c11 -DTN_DOUBLE "$stage/xor.c" -I"$stage/usr/include" "$lib/libtarn.a" \
    -lm -lpthread -o "$stage/mixed"
check "exported names" not sh -c "nm -D --defined-only '$lib/libtarn.so' | grep -v -E ' (tn_|nn_|optim_)'"
echo "Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
