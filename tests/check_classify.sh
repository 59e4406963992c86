#!/bin/sh
# examples/classify as a user runs it: from the project's folder, on the bundled texts.
work=$B/classify
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify} model=$work/m.safetensors
. tests/check.sh
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
    "--freeze-embedding --class-weights balanced" "--class-weights profane=2 --label-smoothing 0" "--batch 1000000" "--pooling mean" \
    "--pooling max"; do
    ok "train $options fails" train $options --model "$work/other"
    ok "eval after $options fails" $classify eval --model "$work/other" examples/data/test.tsv > "$work/out"
    ok "eval after $options labels worse than a coin" [ "$(accuracy "$work/out")" -ge 45 ]
done

# eval gives what train's report gave; JSON
ok "train --test fails" train --model "$model" --test examples/data/test.tsv > "$work/report"
ok "eval fails" $classify eval --model "$model" examples/data/test.tsv > "$work/out"
ok "the confusion does not name its labels" grep -q '^  *clean  *profane$' "$work/out"
ok "the confusion has not a number for each label" grep -q '^  *clean  *[0-9][0-9]*  *[0-9][0-9]*$' "$work/out"
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

# thresholds: fitted on a part that is not learnt, saved with the model, another one on demand
threshold() { tr ',' '\n' < "$1" | sed -n 's/.*"tarn.threshold":"\([0-9.]*\)".*/\1/p'; }
positives() { grep -c "^${2:-profane}	" "$1"; }
careful=$work/careful
ok "train --validation fails" $classify train --buckets 5000 --validation 0.2 --model "$work/other" examples/data/train.tsv 2> "$work/err"
ok "no calibration is told" grep -q "^309 texts of validation: temperature [0-9.]*, expected calibration error 0\.[0-9]* (0\.[0-9]* without)" "$work/err"
ok "train --target-precision fails" $classify train --buckets 5000 --validation 0.2 --target-precision 0.9 --model "$careful" \
    examples/data/train.tsv 2> "$work/err"
ok "no threshold is told: $(cat "$work/err")" grep -q '^threshold for profane: 0\.[0-9]*, with precision [01]\.[0-9]* and recall' "$work/err"
ok "it is less precise: $(cat "$work/err")" awk '/^threshold/ && $6 >= 0.9 { good = 1 } END { exit !good }' "$work/err"
ok "predict fails" $classify predict --model "$work/other" "$work/texts" > "$work/plain"
ok "predict fails" $classify predict --model "$careful" "$work/texts" > "$work/out"
ok "no text is said to be profane" [ "$(positives "$work/out")" -gt 0 ]
ok "the saved threshold changes nothing" [ "$(positives "$work/out")" -lt "$(positives "$work/plain")" ]
ok "a label below the threshold" awk -F '\t' -v x="$(threshold "$careful")" \
    '$1 == "profane" && $2 < x - 0.0001 || $1 == "clean" && 1 - $2 > x + 0.0001 { bad = 1 } END { exit bad }' "$work/out"
$classify predict --model "$work/other" --threshold "$(threshold "$careful")" "$work/texts" > "$work/again"
same "--threshold is not the saved one" "$work/out" "$work/again"
$classify predict --model "$careful" --threshold 0 "$work/texts" > "$work/again"
same "--threshold 0 is not the likeliest label" "$work/plain" "$work/again"
$classify predict --model "$careful" --threshold 0 --positive clean "$work/texts" > "$work/again"
same "--threshold 0 is not the likeliest label" "$work/plain" "$work/again"
$classify predict --model "$careful" --threshold 1 --positive clean "$work/texts" > "$work/again"
ok "clean though p(clean) < 1" [ "$(positives "$work/again" clean)" = 0 ]
precision() { $classify eval --model "$careful" "$@" examples/data/test.tsv | awk '$1 == "profane" { print $2 * 10000; exit }'; }
ok "eval does not use the threshold" [ "$(precision)" -gt "$(precision --threshold 0.1)" ]
status 2 "--positive rude: there is no such label; there are clean, profane" $classify predict --model "$careful" --positive rude --threshold 1
status 2 "--positive rude: there is no such label; there are clean, profane" $classify train --positive rude examples/data/train.tsv
status 2 "one weight for each label, please: clean, profane" $classify train --class-weights 1,2,3 examples/data/train.tsv
ok "weights fail" train --class-weights 1,1 --model "$work/other"
ok "weights fail" train --class-weights none --model "$work/again"
tail -c 100000 "$work/other" > "$work/out"; tail -c 100000 "$work/again" > "$work/some"
same "weights of 1 are not none" "$work/out" "$work/some"
sed 's/^clean/x/; s/^profane/clean/; s/^x/profane/' examples/data/test.tsv > "$work/flipped"
train --target-precision 1 --validation "$work/flipped" --positive clean --model "$work/other" 2> "$work/err"
ok "a precision out of reach is not told: $(cat "$work/err")" grep -q "no threshold gives clean a precision of 1 on validation; the best is taken" "$work/err"

# early stopping: what is kept is the best epoch, which is what it was when it ended
early() { $classify train --epochs 12 --buckets 5000 --validation 0.3 --seed 4 "$@" examples/data/train.tsv; }
ok "train --patience fails" early --patience 2 --model "$work/other" 2> "$work/err"
ok "no score on validation" grep -q '^  *on validation: macro-F1 0\.[0-9]*$' "$work/err"
ok "it does not stop: $(tail -3 "$work/err")" [ "$(grep -c '^epoch' "$work/err")" -lt 12 ]
best=$(sed -n 's/^the best epoch on validation: //p' "$work/err")
ok "the best epoch is not the best: $best" awk -v best="$best" '/macro-F1/ { n++; if ($4 > most) { most = $4; at = n } } END { exit !(at == best && n == best + 2) }' "$work/err"

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
status 2 "--min-count 0: it must be a whole number from 1 to 1e+15" $classify train --min-count 0 x
status 2 "did you mean --epochs?" $classify train --epoch 3 x
status 1 "cannot open \"nosuch\"" $classify train nosuch
status 1 "cannot open \"nosuch\"" $classify train --test nosuch examples/data/train.tsv
status 1 "nosuch" $classify predict --model nosuch
printf 'a\tx\na\ty\n' > "$work/one"
status 1 "all texts have the same label" $classify train --model "$work/other" "$work/one"
status 2 "--validation 0.1: of so few texts that is none" $classify train --patience 1 --model "$work/other" "$work/three"
printf 'a\tx\nb\t\344y\n' > "$work/one"
status 1 "$work/one:2: byte 3 (0xE4) is not UTF-8" $classify train --model "$work/other" "$work/one"
status 0 "1 pieces of $work/one were not UTF-8" $classify train --quiet --utf8 replace --model "$work/other" "$work/one"
status 0 "2 pieces of $work/one, ... were not UTF-8" $classify train --quiet --utf8 replace --model "$work/other" "$work/one" "$work/one"
status 1 "cannot open \"nosuch\"" $classify train --quiet --validation nosuch --model "$work/other" "$work/three"
awk 'BEGIN { while (n++ < 30001) print n % 2 ? "a\tx" : "b\ty" }' > "$work/many"
status 0 "epoch 5/5" $classify train --ngrams 1 --subwords 0 --dim 1 --batch 10000 --model "$work/other" "$work/many"
head -n 8000 "$work/many" > "$work/some"
status 0 "epoch 15/15" $classify train --ngrams 1 --subwords 0 --dim 1 --batch 10000 --model "$work/other" "$work/some"
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
    "--subwords 4" "--buckets 301" "--min-count 2" "--class-weights balanced" "--seed 2" "--label-smoothing 0.5" \
    "--validation 0.25"; do
    status 2 "$work/c is of another training: that one has ${options% *} " \
        few --model "$work/other" --checkpoint "$work/c" --resume $options "$work/few"
    ok "nothing is said of $options" grep -q ", this one $options\$" "$work/err"
done
status 0 "" few --min-count 99 --model "$work/m2" --checkpoint "$work/c2" "$work/few" # a vocabulary of nothing
rm -f "$work/c2"
status 2 "that one has --optimizer sgd, this one --optimizer adam" \
    few --model "$work/other" --checkpoint "$work/c" --resume --optimizer adam --lr 0.12 "$work/few"
status 2 "that one has --freeze-embedding no, this one --freeze-embedding yes" \
    few --model "$work/other" --checkpoint "$work/c" --resume --freeze-embedding "$work/few"
status 2 "that one has 60 texts of hash" few --model "$work/other" --checkpoint "$work/c" --resume "$work/others"
status 2 "that one has 60 texts of hash" few --model "$work/other" --checkpoint "$work/c" --resume "$work/few" "$work/few"
printf 'a\tone two\nb\tthree\n' > "$work/two" # the same words in the same order, but not in the same texts
printf 'a\tone\nb\ttwo three\n' > "$work/shifted"
words="--tokenizer word --ngrams 1 --subwords 0 --checkpoint $work/words --model $work/third"
status 0 "" few $words --checkpoint-every 1 "$work/two"
status 2 "has 2 texts of hash" few $words --resume "$work/shifted"
status 1 "$work/kept is no checkpoint" few --model "$work/other" --checkpoint "$work/kept" --resume "$work/few"
status 1 "nosuch" few --model "$work/other" --checkpoint nosuch --resume "$work/few"
status 1 "cannot write \"/nosuch/c\"" few --model "$work/other" --checkpoint /nosuch/c "$work/few"
same "a training that was refused leaves another model" "$work/kept" "$work/other"

# a loss that is no number: where, and what is left is good
rm -f "$work/c"
status 1 "step 7, batch 7 of epoch 1: the loss is infinite; the last finite loss was 8" \
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

ends
