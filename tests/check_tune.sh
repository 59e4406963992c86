#!/bin/sh
# classify tune as a user runs it: the same trials every time, and a command line that can be pasted.
work=$B/tune
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify}
. tests/check.sh
head -300 examples/data/train.tsv > "$work/-it's texts"
texts="$work/-it's texts"
tune() { $classify tune --epochs 2 --buckets 500 --subwords 0 "$@"; }
without_seconds() { awk 'NF > 5 && $1 + 0 { $5 = "" } 1' "$1"; }

ok "tune fails" tune --trials 8 "$texts" > "$work/first" 2> "$work/err"
ok "tune says what it was not asked: $(cat "$work/err")" [ ! -s "$work/err" ]
ok "not 8 trials, each with its score and its seconds" \
    [ "$(grep -c '^ *[1-8]  *[01]\.[0-9]*\*\{0,1\}  *[-+]0\.[0-9]*  *[0-3]  *[0-9]*\.[0-9]  ' "$work/first")" = 8 ]
ok "the first trial is not of the defaults" grep -q '^ *1 .*\* *+0.0000  *3 .*(as train has them)$' "$work/first"
ok "an option that was given is tried" sh -c "! grep '^ *[0-9]' '$work/first' | grep -q -e --epochs -e --buckets -e --subwords"
tune --trials 8 "$texts" > "$work/again"
without_seconds "$work/first" > "$work/1" && without_seconds "$work/again" > "$work/2"
ok "the same seed gives other trials" cmp -s "$work/1" "$work/2"
tune --trials 8 --seed 2 "$texts" > "$work/again"
without_seconds "$work/again" > "$work/2"
ok "another seed gives the same trials" sh -c "! cmp -s '$work/1' '$work/2'"
tune --trials 3 "$texts" > "$work/again"
without_seconds "$work/again" | sed '/^$/,$d' > "$work/2"
ok "fewer trials are not the first of more" sh -c "sed 4q '$work/1' | cmp -s - '$work/2'"

# the best is the highest that held on all three parts; its line is the command
best=$(awk '$2 ~ /[*]/ { line = $0 } END { print line }' "$work/first")
words=$(echo "$best" | sed 's/.*[0-9]\.[0-9]  //; s/(as train has them)//')
tail -1 "$work/first" > "$work/command"
ok "the best trial is another: $best" grep -q "best of 8 is trial $(echo "$best" | awk '{ print $1 }'): macro-F1 $(echo "$best" | awk '{ sub(/[*]/, "", $2); print $2 }')," "$work/first"
for word in $words --epochs\ 2 --buckets\ 500; do
    ok "the command is without $word" grep -q -e "$word" "$work/command"
done
ok "the command cannot be pasted: $(cat "$work/command")" sh -c "$(cat "$work/command") --quiet --model '$work/m'"
program=$(cd "$(dirname "$classify")" && pwd)/$(basename "$classify")
(cd "$work" && PATH="$PWD:$PATH" && ln -sf "$program" "my classify" &&
    "my classify" tune --trials 1 --epochs 1 --model "a'b" -- "-it's texts" "-it's texts" > out &&
    sh -c "$(tail -1 out) > progress 2>&1") || bad "odd names: $(tail -1 "$work/out")"
ok "the model of the command that was pasted is not there" [ -e "$work/a'b" ]

# a time that is over, by the signal that says so, and a stop: what is known so far
stop() { # signal, exit status
    $classify tune --budget 1h --epochs 2 --buckets 500 "$texts" > "$work/out" 2> "$work/err" &
    pid=$!
    while kill -0 $pid && ! grep -q '^ *3  ' "$work/out"; do sleep 0.05; done
    kill -"$1" $pid
    wait $pid 2> /dev/null
    got=$?
    ok "SIG$1 ends it with $got: $(cat "$work/err")" [ $got = "$2" ]
    ok "after SIG$1 there is no command" sh -c "tail -1 '$work/out' | grep -q ' train .*--epochs 2'"
}
stop ALRM 0
stop TERM 143

# pretrained rows, and what goes wrong
$classify train --quiet --epochs 1 --buckets 500 --dim 5 --model "$work/m" "$texts" &&
    $classify export-vectors --model "$work/m" "$work/v.vec"
status 0 "" $classify tune --trials 3 --epochs 1 --vectors "$work/v.vec" "$texts"
ok "the command is without --vectors" sh -c "tail -1 '$work/out' | grep -q -e '--vectors $work/v.vec'"
status 1 "cannot open \"nosuch\"" $classify tune --trials 1 nosuch
status 1 "cannot open \"nosuch\"" $classify tune --trials 1 --vectors nosuch "$texts"
printf 'a\tx\na\ty\na\tz\n' > "$work/one"
status 1 "all texts have the same label" $classify tune --trials 1 "$work/one"
printf 'a\tx\nb\ty\n' > "$work/few"
status 1 "2 texts are too few to hold some out" $classify tune --trials 1 "$work/few"
status 1 "the loss is" $classify tune --trials 2 --lr 1e30 "$texts"
seq 40 | sed 's/.*/a\tx&\nb\ty&/' > "$work/rare"
status 0 "" $classify tune --trials 40 --ngrams 1 --subwords 0 --epochs 1 "$work/rare"
ok "a trial without a token does not fail" \
    grep -q '^ *[0-9]*  *failed  *-  *0 .*--min-count .*: .*no token occurs [235] times' "$work/out"
status 0 "" $classify tune --trials 9 --ngrams 1 --subwords 0 --epochs 1 --lr 1 --dim 4 --pooling mean --hidden 0 --buckets 9 \
    --min-count 1 --tokenizer mixed --class-weights none "$work/rare"
ok "not one trial where nothing is left to try" grep -q "^the best of 1 is trial 1:" "$work/out"
ok "tune does not read a pipe" sh -c "$classify tune --trials 1 --epochs 1 - < '$work/rare' | tail -1 | grep -q ' train --epochs 1 -$'"
status 1 "cannot write to the standard output" sh -c "$classify tune --trials 1 --epochs 1 $work/rare > /dev/full"

ends
