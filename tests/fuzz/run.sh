#!/bin/sh
# Runs targets of tests/fuzz, each for FUZZ_SECONDS, from its committed corpus on. What it finds lands under build/fuzz: new
# inputs in found/, and one that did harm as harm-*, which a fix puts into the corpus. usage: run.sh target ...
B=build/fuzz
# less of what was freed is kept back, and nothing new is filled: that is faster
export ASAN_OPTIONS="allocator_may_return_null=1:quarantine_size_mb=1:max_malloc_fill_size=0:detect_leaks=1:$ASAN_OPTIONS"
for target; do
    mkdir -p $B/found/"$target"
    dictionary=tests/fuzz/$target.dict
    [ -e "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
    echo "$target: $FUZZ_SECONDS s"
    $B/float/tests/fuzz/"$target" -max_total_time="$FUZZ_SECONDS" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=128 \
      -artifact_prefix=$B/harm-"$target"- $dictionary -print_final_stats=1 $FUZZ_FLAGS $B/found/"$target" tests/fuzz/corpus/"$target" \
      > $B/"$target".log 2>&1 || { tail -50 $B/"$target".log; echo "$target: harm done; see $B/$target.log"; exit 1; }
    grep -E 'DONE|stat::(number_of_executed_units|average_exec_per_sec)' $B/"$target".log
done
