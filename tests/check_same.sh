#!/bin/sh
# The same seed, data and build give the same bytes of model: in any run, on one processor and on all, at any address of
# memory, with malloc of other habits, on every instruction set with fma. SAME names folders of other builds, whose
# programs give the same bytes too, and whose ops the same numbers.
work=$B/same
. tests/check.sh
rm -rf "$work" && mkdir -p "$work"

# a bag of words, one with a hidden layer, a GPT: folder of the programs, then what stands before the commands
models() {
    programs=$1; shift
    "$@" "$programs/classify" train --quiet --epochs 2 --model "$work/bag" examples/data/train.tsv &&
        "$@" "$programs/classify" train --quiet --epochs 2 --hidden 24 --optimizer adamw --model "$work/mlp" examples/data/train.tsv &&
        "$@" "$programs/gpt" train README.md --model "$work/gpt" --context 40 --dim 48 --heads 4 --steps 8 2> "$work/log" &&
        cat "$work/bag" "$work/mlp" "$work/gpt" > "$work/models"
}
alike() { # what is another way, then as models
    what=$1; shift
    ok "training $what fails" models "$@"
    ok "training $what gives other bytes" cmp "$work/models" "$work/first"
}
usable() { "$@" true 2> /dev/null; }

ok "training fails" models examples env
mv "$work/models" "$work/first"
alike "again" examples env
one="taskset -c $(taskset -pc $$ 2> /dev/null | sed 's/.*: \([0-9]*\).*/\1/')"
usable $one && alike "on one processor" examples $one
usable setarch -R && alike "at the same addresses" examples setarch -R && alike "there, again" examples setarch -R
alike "in memory that is filled" examples env MALLOC_PERTURB_=165
alike "in memory of pages" examples env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=64:glibc.malloc.tcache_count=0 MALLOC_ARENA_MAX=1
for isa in avx2 avx512; do alike "with $isa" examples env TARN_ISA=$isa; done

for other in $SAME; do
    alike "in $other" "$other/examples" env
    for isa in base avx2 avx512; do
        models examples env TARN_ISA=$isa && mv "$work/models" "$work/first"
        alike "in $other with $isa" "$other/examples" env TARN_ISA=$isa
        [ -x "$other/float/tests/test_builds" ] || continue
        for type in float double; do
            for b in "$B" "$other"; do TARN_ISA=$isa "$b/$type/tests/test_builds" dump > "$work/$(basename "$b")"; done
            ok "the ops' numbers in $other, $type, with $isa are others" cmp "$work/$(basename "$B")" "$work/$(basename "$other")"
        done
    done
done
ends
