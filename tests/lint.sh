#!/bin/sh
# Every source under gcc and clang with all warnings as errors, in both number types; every header alone, as C and as
# C++; cppcheck over all. CC_FLAGS comes from the Makefile.
status=0
fail() { echo "lint: $*"; status=1; }

for cc in gcc clang; do
    for type in "" -DTN_DOUBLE; do
        for f in src/*.c src/*/*.c; do $cc $CC_FLAGS $type -Isrc -DTN_ISA=base -fsyntax-only "$f" || fail "$cc $type $f"; done
        for f in nn/*.c optim/*.c examples/*.c examples/text/*.c; do
            $cc $CC_FLAGS $type -fsyntax-only "$f" || fail "$cc $type $f"
        done
        for f in tests/*.c tests/fuzz/*.c; do
            $cc $CC_FLAGS $type -Isrc -I. $(pkg-config --cflags check 2>/dev/null) -fsyntax-only "$f" || fail "$cc $type $f"
        done
    done
done
# all memory comes through src/memory.c, which tn_set_allocator turns to another source
grep -nE '(^|[^_a-z])(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strn?dup|getline|v?asprintf|open_memstream|fopen) *\(' \
    $(ls src/*.c src/*/*.c nn/*.c optim/*.c | grep -v '^src/memory.c$') && fail "memory that tn_set_allocator knows nothing of"
for h in include/tarn/*.h; do
    gcc $CC_FLAGS -fsyntax-only -x c "$h" || fail "C $h"
    g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ "$h" || fail "C++ $h"
    clang++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -Wno-pragma-once-outside-header -Iinclude -fsyntax-only -x c++ "$h" \
        || fail "C++ $h"
done
for cxx in g++ clang++; do
    $cxx -std=c++11 -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude -fsyntax-only examples/*.cpp || fail "$cxx examples"
done
cppcheck --quiet --std=c11 --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem -Iinclude -Isrc -D__x86_64__ src nn optim examples || fail cppcheck
[ $status = 0 ] && echo "lint: clean"
exit $status
