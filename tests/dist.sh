#!/bin/sh
# build/dist's two files: they compile alone, with no option but -O2, under gcc and clang; a program in C and in C++ needs
# nothing else; a model that they train has the same bits as one of libtarn.a, on every instruction set.
set -e
dist=build/dist
train() { # instruction set, folder of the program
    TARN_ISA=$1 "$2/classify" train --quiet --epochs 1 --model "$dist/$1.$(basename "$2")" examples/data/train.tsv > /dev/null
}
sed 's,<tarn/tarn.h>,"tarn.h",' examples/xor.c > $dist/xor.c
sed 's,<tarn/tarn.h>,"tarn.h",' examples/xor.cpp > $dist/xor.cpp
for isa in base avx2 avx512; do train $isa examples; done
for cc in gcc clang; do
    case $cc in gcc) cxx=g++ ;; *) cxx=clang++ ;; esac
    $cc -O2 -c $dist/tarn.c -o $dist/$cc.o
    for program in "$cc $dist/xor.c" "$cxx $dist/xor.cpp"; do
        $program $dist/$cc.o -lm -lpthread -o $dist/xor
        $dist/xor > /dev/null
    done
    $cc -O2 -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude examples/classify.c examples/text/*.c $dist/$cc.o -lm -lpthread \
        -o $dist/classify
    for isa in base avx2 avx512; do
        train $isa $dist
        cmp $dist/$isa.examples $dist/$isa.dist
    done
done
echo "$dist: two files, the same bits as the library"
