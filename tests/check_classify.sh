#!/bin/sh
# examples/classify as a user runs it: from the project's folder, on the bundled texts.
work=$B/classify
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify} model=$work/m.safetensors
checks=0 failures=0
ok() { # text, then a command that must succeed
    what=$1; shift; checks=$((checks + 1))
    "$@" || { failures=$((failures + 1)); echo "classify: $what"; }
}
status() { # exit status, part of the error's text, then the command
    want=$1 text=$2; shift 2; checks=$((checks + 1))
    "$@" > "$work/out" 2> "$work/err" < /dev/null
    got=$?
    [ $got = "$want" ] && { [ -z "$text" ] || grep -qF -- "$text" "$work/err"; } ||
        { failures=$((failures + 1)); echo "classify: '$*' ends with $got, not $want, and says: $(cat "$work/err")"; }
}
same() { ok "$1" cmp -s "$2" "$3"; }
accuracy() { sed -n 's/.*accuracy 0\.\([0-9][0-9]\).*/\1/p' "$1"; }

# without a command: trains, reports, labels
ok "the default run fails" $classify > "$work/demo" 2> "$work/progress"
ok "the held-out part is labelled badly: $(grep texts: "$work/demo")" [ "$(accuracy "$work/demo" || echo 0)" -ge 78 ]
ok "no samples" [ "$(grep -c '^[a-z]*	[01]\.[0-9]*	' "$work/demo")" -ge 4 ]
ok "no plain progress lines" grep -q '^epoch 1/' "$work/progress"
ok "a bar without a terminal" [ "$(tr -cd '\r' < "$work/progress" | wc -c)" = 0 ]

# the same seed, the same bytes; a hidden layer, other rules
train() { $classify train --quiet --epochs 3 --buckets 5000 "$@" examples/data/train.tsv; }
ok "train fails" train --model "$model"
ok "train fails" train --model "$work/again"
same "the same seed gives another model" "$model" "$work/again"
ok "train fails" train --model "$work/other" --seed 2
ok "another seed gives the same model" [ "$(cmp "$model" "$work/other" 2>&1)" ]
for options in "--hidden 8 --dim 4" "--optimizer adam" "--optimizer adamw" "--optimizer adagrad" "--optimizer rmsprop" \
    "--optimizer sparse_adam" "--tokenizer char --ngrams 3" "--tokenizer word --ngrams 1 --subwords 0 --min-count 2" \
    "--freeze-embedding --class-weights none" "--batch 1000000" "--pooling mean" "--pooling max"; do
    ok "train $options fails" train $options --model "$work/other"
    ok "eval after $options fails" $classify eval --model "$work/other" examples/data/test.tsv > "$work/out"
    ok "eval after $options labels worse than a coin" [ "$(accuracy "$work/out")" -ge 45 ]
done

# eval gives what train's report gave; JSON
ok "train --test fails" train --model "$model" --test examples/data/test.tsv > "$work/report"
ok "eval fails" $classify eval --model "$model" examples/data/test.tsv > "$work/out"
same "eval reports something else than train" "$work/report" "$work/out"
ok "eval --json fails" $classify eval --json --model "$model" examples/data/test.tsv > "$work/json"
ok "no JSON" grep -q '^{"texts": .*]]}$' "$work/json"

# predict: by file, by pipe, one line at a time, with CRLF, BOM, without the last newline
cut -f2 examples/data/test.tsv > "$work/texts"
ok "predict fails" $classify predict --model "$model" "$work/texts" > "$work/labels"
ok "predict's lines are not label, probability, text" [ "$(cut -f3- "$work/labels" | cmp - "$work/texts" 2>&1)" = "" ]
cat "$work/texts" | $classify predict --model "$model" > "$work/out"
same "predict says something else by pipe" "$work/labels" "$work/out"
head -50 "$work/texts" | while read -r line; do printf '%s\n' "$line" | $classify predict --model "$model"; done > "$work/out"
head -50 "$work/labels" > "$work/some"
same "predict says something else line by line" "$work/some" "$work/out"
{ printf '\357\273\277'; sed 's/$/\r/' "$work/texts"; } | $classify predict --model "$model" > "$work/out"
same "CRLF or a BOM changes a prediction" "$work/labels" "$work/out"
printf '%s' "$(cat "$work/texts")" | $classify predict --model "$model" > "$work/out"
same "a missing last newline changes a prediction" "$work/labels" "$work/out"
sed 's/$/\r/; 1s/^/\xef\xbb\xbf/' examples/data/train.tsv > "$work/crlf"
ok "train fails on CRLF" $classify train --quiet --epochs 3 --buckets 5000 --model "$work/other" "$work/crlf"
same "CRLF or a BOM changes the model" "$model" "$work/other"
printf 'a\377b\n' | $classify predict --model "$model" > "$work/out" 2> "$work/err"
ok "malformed UTF-8 is not replaced in a prediction" grep -q "	a$(printf '\357\277\275')b\$" "$work/out"
ok "nothing is said about malformed UTF-8" grep -q '1 pieces were not UTF-8' "$work/err"
ok "an empty input fails" $classify predict --model "$model" /dev/null
mkfifo "$work/to" "$work/from"
$classify predict --model "$model" < "$work/to" > "$work/from" &
exec 3> "$work/to" 4< "$work/from"
printf 'one\n' >&3
timeout 60 head -n 1 <&4 > "$work/out"
ok "predict does not answer before its input ends" grep -q '	one$' "$work/out"
exec 3>&- 4<&-

# the same text as fastText's format and as CSV gives the same model
sed 's/^/__label__/; s/	/ /' examples/data/train.tsv > "$work/ft.txt"
ok "train fails on fastText's format" $classify train --quiet --epochs 3 --buckets 5000 --model "$work/other" "$work/ft.txt"
same "fastText's format gives another model" "$model" "$work/other"
{ echo "id,class,tweet"; sed 's/"/""/g; s/\([^	]*\)	\(.*\)/7,\1,"\2"/' examples/data/train.tsv; } > "$work/t.csv"
ok "train fails on CSV" $classify train --quiet --epochs 3 --buckets 5000 --text-column tweet --label-column class \
    --model "$work/other" "$work/t.csv"
same "CSV gives another model" "$model" "$work/other"

# more classes; labels that the model does not know
printf 'de\tder Hund\nfr\tle chien\nes\tel perro\nde\tdie Katze\nfr\tle chat\nes\tel gato\n' > "$work/three"
ok "three classes fail" $classify train --quiet --model "$work/other" "$work/three"
printf 'der Vogel\n' | $classify predict --model "$work/other" > "$work/out"
ok "three classes are not told apart" grep -q '^de	' "$work/out"
printf 'de\tder Hund\nit\til cane\n' > "$work/strange"
status 0 "1 texts have labels that the model does not know" $classify eval --model "$work/other" "$work/strange"

# what goes wrong, and what is said
status 0 "" $classify --help
status 0 "" $classify train --help
status 2 "did you mean train?" $classify trian
status 2 "did you mean --epochs?" $classify train --epoch 3 x
status 1 "cannot open \"nosuch\"" $classify train nosuch
status 1 "cannot open \"nosuch\"" $classify train --test nosuch examples/data/train.tsv
status 1 "nosuch" $classify predict --model nosuch
printf 'a\tx\na\ty\n' > "$work/one"
status 1 "all texts have the same label" $classify train --model "$work/other" "$work/one"
printf 'a\tx\nb\t\344y\n' > "$work/one"
status 1 "$work/one:2: byte 3 (0xE4) is not UTF-8" $classify train --model "$work/other" "$work/one"
status 0 "1 pieces of $work/one were not UTF-8" $classify train --quiet --utf8 replace --model "$work/other" "$work/one"
status 1 "no token occurs 5 times" $classify train --ngrams 1 --subwords 0 --min-count 5 --model "$work/other" "$work/strange"
status 1 "cannot write \"/nosuch/m\"" $classify train --model /nosuch/m examples/data/train.tsv
status 1 "the loss is" $classify train --quiet --lr 1e30 --model "$work/other" examples/data/train.tsv
status 0 "" $classify train --quiet --batch 512 --tokenizer char --ngrams 1 --subwords 0 --model "$work/other" \
    examples/data/train.tsv # a rate that throws the run away if gradients are not clipped
cp "$model" "$work/kept"
status 1 "the loss is" $classify train --quiet --lr 1e30 --model "$work/kept" examples/data/train.tsv
same "a failed training leaves another model" "$model" "$work/kept"

# checkpoints; going on from them is check_killed.sh's
few() { $classify train --quiet --epochs 3 --batch 4 --dim 4 --buckets 300 "$@"; }
head -60 examples/data/train.tsv > "$work/few" && sed 's/$/ x/' "$work/few" > "$work/others"
ok "train fails" few --model "$work/kept" "$work/few"
rm -f "$work/c"
status 0 "" few --model "$work/other" --checkpoint "$work/c" --checkpoint-every 10 "$work/few"
same "a checkpoint changes the model" "$work/kept" "$work/other"
status 2 "$work/c is there already: --resume goes on from it" few --model "$work/other" --checkpoint "$work/c" "$work/few"
rm -f "$work/other"
status 0 "" few --model "$work/other" --checkpoint "$work/c" --checkpoint-every 7 --resume "$work/few"
same "going on gives another model" "$work/kept" "$work/other"
ok "eval fails with a checkpoint" $classify eval --model "$work/c" examples/data/test.tsv > "$work/out"
for options in "--dim 5" "--pooling max" "--hidden 2" "--epochs 4" "--batch 5" "--lr 0.5" "--tokenizer char" "--ngrams 3" \
    "--subwords 4" "--buckets 301" "--min-count 2" "--class-weights none" "--seed 2"; do
    status 2 "$work/c is of another training: that one has ${options% *} " \
        few --model "$work/other" --checkpoint "$work/c" --resume $options "$work/few"
    ok "nothing is said of $options" grep -q ", this one $options\$" "$work/err"
done
status 2 "that one has --optimizer sgd, this one --optimizer adam" \
    few --model "$work/other" --checkpoint "$work/c" --resume --optimizer adam --lr 0.12 "$work/few"
status 2 "that one has --freeze-embedding no, this one --freeze-embedding yes" \
    few --model "$work/other" --checkpoint "$work/c" --resume --freeze-embedding "$work/few"
status 2 "that one has 60 texts of hash" few --model "$work/other" --checkpoint "$work/c" --resume "$work/others"
status 2 "that one has 60 texts of hash" few --model "$work/other" --checkpoint "$work/c" --resume "$work/few" "$work/few"
status 1 "$work/kept is no checkpoint" few --model "$work/other" --checkpoint "$work/kept" --resume "$work/few"
status 1 "nosuch" few --model "$work/other" --checkpoint nosuch --resume "$work/few"
status 1 "cannot write \"/nosuch/c\"" few --model "$work/other" --checkpoint /nosuch/c "$work/few"
same "a training that was refused leaves another model" "$work/kept" "$work/other"

# a loss that is no number: where, and what is left is good
rm -f "$work/c"
status 1 "step 7, batch 7 of epoch 1: the loss is not a number; the last finite loss was 2" \
    few --lr 5e19 --model "$work/other" --checkpoint "$work/c" --checkpoint-every 1 "$work/few"
ok "nothing is said of the checkpoint" grep -q "try a smaller --lr; $work/c is as it was after step 5\$" "$work/err"
cp "$work/err" "$work/said"
status 1 "step 7" few --lr 5e19 --model "$work/other" --checkpoint "$work/c" --checkpoint-every 1 --resume "$work/few"
same "going on, it says something else" "$work/err" "$work/said"
status 1 "step 2, batch 1 of epoch 2" few --seed 3 --lr 1e30 --batch 60 --model "$work/other" "$work/few"

for n in 0 7 8 100 5000 100000; do
    head -c $n "$model" > "$work/cut"
    status 1 "cut" $classify predict --model "$work/cut"
done
status 1 "texts" $classify predict --model "$work/texts"
status 1 "cannot write" sh -c "$classify predict --model $model $work/texts > /dev/full"

echo "Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
