#!/bin/sh
# examples/mlp_digits and examples/gpt as a user runs them, with small settings.
work=$B/examples
rm -rf "$work" && mkdir -p "$work"
. tests/check.sh
status() { # the exit status wanted, a pattern of the message, then a command
    want=$1 pattern=$2; shift 2; checks=$((checks + 1))
    "$@" > "$work/out" 2> "$work/err"; got=$?
    { [ $got = "$want" ] && grep -q -- "$pattern" "$work/err"; } ||
        bad "exit $got, not $want with \"$pattern\": $*: $(cat "$work/err")"
}
gpt=examples/gpt model=$work/m.safetensors text=$work/text
seq 400 | sed "s/.*/The & dogs sleep under the old tree./" > "$text"
train() { "$gpt" train "$text" --model "$model" --context 16 --dim 32 --heads 2 --layers 2 --steps 200 --lr 0.01 "$@"; }
sample() { "$gpt" sample "The " --model "$model" --bytes 60 "$@"; }

ok "mlp_digits fails" examples/mlp_digits > "$work/digits"
ok "mlp_digits reads badly: $(tail -1 "$work/digits")" grep -q "^accuracy 0.9[6-9]" "$work/digits"
ok "mlp_digits shows no digit" grep -q "^this is a [0-9], and is taken for a [0-9]$" "$work/digits"

ok "gpt says no usage" sh -c "$gpt | grep -q '^gpt train TEXT'"
ok "gpt train fails" train 2> "$work/log"
ok "gpt train learns badly: $(tail -1 "$work/log")" awk 'END { exit !(NR == 10 && $6 < 1 && $7 < 1) }' FS='[ ;]+' "$work/log"
ok "gpt train draws where no terminal is" [ -z "$(tr -dc '\r' < "$work/log")" ]
cp "$model" "$work/first"
train 2> /dev/null
ok "gpt train with the same seed gives another model" cmp "$model" "$work/first"
train --seed 2 2> /dev/null
ok "gpt train with another seed gives the same model" sh -c "! cmp -s '$model' '$work/first'"
sample > "$work/a"; sample > "$work/b"; sample --seed 2 > "$work/c"; sample --temperature 0 > "$work/d"
ok "gpt sample writes $(wc -c < "$work/a") bytes" [ "$(wc -c < "$work/a")" = 65 ]
ok "gpt sample does not begin with the prompt" sh -c "head -c 4 '$work/a' | grep -q '^The $'"
ok "gpt sample with the same seed writes something else" cmp "$work/a" "$work/b"
ok "gpt sample with another seed writes the same" sh -c "! cmp -s '$work/a' '$work/c'"
ok "gpt sample at temperature 0 writes the same" sh -c "! cmp -s '$work/a' '$work/d'"
ok "gpt sample goes on from nothing" sh -c "$gpt sample '' --model '$model' --bytes 3 > '$work/out'"
ok "gpt sample of nothing writes $(wc -c < "$work/out") bytes" [ "$(wc -c < "$work/out")" = 5 ]

status 2 "^gpt train TEXT" "$gpt" train
status 2 "^gpt train TEXT" "$gpt" learn README.md
status 2 "--steps wants a whole number from 1 to 1e+09" train --steps 1.5
status 2 "--lr wants a number from 0 to 1" train --lr fast
status 2 "--lr wants a value" train --lr
status 2 "there is no option --rate" train --rate 1
status 2 "3 heads do not divide a dim of 32" train --heads 3
status 1 "cannot read \"nosuch\": No such file" "$gpt" train nosuch
status 1 "cannot read \"src\": Is a directory" "$gpt" train src
status 1 "\"$work/c\" has 65 bytes, for a context of 16 it takes more than 169" "$gpt" train "$work/c" --context 16
status 1 "save \"/nosuch/m\": cannot create" train --model /nosuch/m
status 1 "load \"nosuch\": cannot open: No such file" sample --model nosuch
status 1 "is not a model that gpt saved" sample --model tests/golden/embedding_bag.safetensors
status 1 "cannot write to the standard output" sh -c "$gpt sample x --model '$model' > /dev/full"

if command -v script > /dev/null; then
    script -qec "$gpt train $text --model $model --context 16 --dim 8 --heads 1 --layers 1 --steps 20" /dev/null > "$work/tty"
    ok "gpt train shows no progress on a terminal" grep -q "step 7 of 20  loss [0-9.]*  [0-9.]* steps/s  0:[0-9][0-9] left" "$work/tty"
fi
ends
