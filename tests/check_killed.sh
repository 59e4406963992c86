#!/bin/sh
# A training that is stopped or killed, as often and wherever it may be, and then goes on, ends with the bytes of the one
# that nobody disturbed. build/float/tests/killed is examples/classify, which sends itself the signal: killed.c.
work=$B/killed
rm -rf "$work" && mkdir -p "$work"
killed=$B/float/tests/killed
. tests/check.sh
texts=$work/texts model=$work/m checkpoint=$work/c
head -60 examples/data/train.tsv > "$texts"

train() { # options; the environment has MOMENT and SIGNAL
    had=false
    [ -e "$checkpoint" ] && had=true && set -- --resume "$@"
    "$killed" train --quiet --epochs 3 --batch 4 --dim 4 --buckets 300 --model "$model" --checkpoint "$checkpoint" \
        --checkpoint-every 2 "$@" "$texts" 2> "$work/err"
}
is_kept() { ! $had || [ -e "$checkpoint" ]; }
is_whole() { [ ! -e "$model" ] || cmp -s "$model" "$work/whole"; }
forget() { rm -f "$model" "$checkpoint" "$checkpoint.best"; }
reference() { # options: of the training that is not disturbed, into $work/whole
    "$killed" train --quiet --epochs 3 --batch 4 --dim 4 --buckets 300 --model "$work/whole" "$@" "$texts"
}

# SIGTERM and SIGINT, with each rule: k steps, a stop, the rest
for rule in sgd adam adamw adagrad rmsprop sparse_adam; do
    ok "$rule: training fails" reference --optimizer $rule --hidden 3
    for signal in TERM:15:143:40 INT:2:130:211 TERM:15:143:402; do
        IFS=: read -r name number status moment <<END
$signal
END
        forget
        MOMENT=$moment SIGNAL=$number train --optimizer $rule --hidden 3
        got=$?
        ok "$rule: at SIG$name it ends with $got: $(cat "$work/err")" [ $got = "$status" ]
        ok "$rule: at SIG$name it does not say how to go on: $(cat "$work/err")" \
            grep -q "stopped after step [0-9]* of 45: the same command with --resume goes on from $checkpoint" "$work/err"
        ok "$rule: a model though it was stopped" [ ! -e "$model" ]
        ok "$rule: it does not go on: $(cat "$work/err")" train --optimizer $rule --hidden 3
        ok "$rule: stopped by SIG$name, it ends with another model" cmp -s "$model" "$work/whole"
    done
done

# SIGKILL at 200 moments, drawn by a fixed seed: killed, it goes on from what is there, until it has come to its end; every
# fourth training keeps the best epoch, which is the second of three
kills=0 saving=0 ends=0 seed=1 rule=sgd early="--seed 2 --validation 0.4 --patience 1 --lr 2"
ok "training fails" reference --optimizer $rule
forget
while [ $kills -lt 200 ] && [ $failures = 0 ]; do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    MOMENT=$((seed / 65536 % 240 + 1)) SIGNAL=9 train --optimizer $rule
    got=$?
    ok "killed: a model that is not whole" is_whole
    ok "killed: the checkpoint is gone" is_kept
    case $got in
    137)
        kills=$((kills + 1))
        grep -q "in \(write\|fsync\|rename\)" "$work/err" && saving=$((saving + 1)) ;;
    0)
        ends=$((ends + 1))
        ok "killed: it ends with another model" cmp -s "$model" "$work/whole"
        case $rule in sgd) rule=adam ;; adam) rule="sgd $early" ;; "sgd $early") rule=sparse_adam ;; *) rule=sgd ;; esac
        ok "training fails" reference --optimizer $rule
        forget ;;
    *) bad "it ends with $got: $(cat "$work/err")" ;;
    esac
done
ok "it does not go on: $(cat "$work/err")" train --optimizer $rule
ok "killed: it ends with another model" cmp -s "$model" "$work/whole"
ok "only $saving of $kills kills came in the writing of a file" [ $saving -ge 20 ]
ok "only $ends trainings came to their end" [ $ends -ge 10 ]
echo "$kills kills, $saving of them in the writing of a file; $ends trainings came to their end"

ends
