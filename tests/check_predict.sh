#!/bin/sh
# examples/classify in pipelines, and what it says about why: predict's options, explain, neighbours.
work=$B/predict
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify} model=$work/m.safetensors
. tests/check.sh
gives() { # exit status, then the command; standard input is $work/in, its output and errors are out and err
    want=$1; shift; checks=$((checks + 1))
    "$@" < "$work/in" > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$want" ] || bad "'$*' ends with $got, not $want: $(cat "$work/err")"
}
says() { ok "no \"$1\" in: $(cat "$work/err")" grep -qF -- "$1" "$work/err"; }
prints() { # what a command printed is printf's $1
    printf "$1" > "$work/want"
    ok "not what was printed: $(diff "$work/want" "$work/out")" cmp -s "$work/want" "$work/out"
}
predict() { $classify predict --model "$model" "$@"; }

# rude words speak for rude alone, all others for clean
for w in tea cat sun map hat pen cup sea; do
    printf 'rude\tthe frobby %s\nclean\tthe nice %s\nrude\t这 笨蛋 %s\nclean\t这 朋友 %s\n' $w $w $w $w
done > "$work/train"
ok "train fails" $classify train --quiet --epochs 30 --ngrams 1 --subwords 0 --pooling mean --dim 16 --model "$model" "$work/train"
printf 'the nice tea\nthe Frobby, tea\n这笨蛋 cat\nnice sun\n' > "$work/in"

# --match and -q: what grep does
gives 0 predict --match rude
ok "--match rude prints other lines" [ "$(cut -f1,3 "$work/out")" = "rude	the Frobby, tea
rude	这笨蛋 cat" ]
gives 0 predict --match rude -q
prints ''
yes 'the frobby tea' | timeout 60 $classify predict --model "$model" --match rude -q
ok "-q reads on after a match" [ $? = 0 ]
echo 'the nice tea' > "$work/one"
gives 1 predict --match rude "$work/one"
prints ''
gives 1 predict --match rude -q "$work/one"
gives 2 predict --match rude nosuch
gives 2 predict --match nosuch
says '--match nosuch: there is no such label: the model has clean, rude'
gives 2 predict -q
gives 1 predict nosuch
gives 2 sh -c "$classify predict --model $model --match rude > /dev/full"
gives 1 predict --match rude /dev/null

# --words: as wide as they were; everything else as it was
gives 0 predict --words
ok "the words are not masked: $(cat "$work/out")" [ "$(cut -f3 "$work/out")" = 'the nice tea
the ******, tea
这＊＊ cat
nice sun' ]
gives 0 predict --words --match rude
ok "--words does not go with --match" [ "$(cut -f3 "$work/out")" = 'the ******, tea
这＊＊ cat' ]
gives 0 predict --words --match clean
ok "--match clean does not mask clean's words" [ "$(cut -f3 "$work/out")" = 'the **** tea
**** sun' ]
ok "train fails" $classify train --quiet --model "$work/other" --epochs 2 - < /dev/stdin << END
good	a
bad	b
END
gives 2 $classify predict --words --model "$work/other"
says '--words: no label is "clean", so --match LABEL must say whose words: the model has bad, good'

# --explain: a last column, the weightiest first
gives 0 predict --explain
ok "the weightiest token is another: $(cat "$work/out")" [ "$(cut -f4 "$work/out" | sed 's/:.*//')" = 'nice
Frobby
蛋
nice' ]
ok "shares are no numbers" grep -q '	Frobby:+[0-9]*\.[0-9]* .*tea:[+-][0-9]*\.[0-9]* the:[+-][0-9]*\.[0-9]*$' "$work/out"
cut -f1-3 "$work/out" > "$work/labels"
predict < "$work/in" > "$work/out"
ok "--explain changes a label" cmp -s "$work/labels" "$work/out"

# --json: JSON by Python's reader; shares and rest are the margin
printf 'a "quoted" \\ back\ttab \001 \303\251 \360\237\230\200 </p>\nthe frobby\n\377\n\n' > "$work/in"
gives 0 predict --json --explain
cat > "$work/check.py" << 'END'
import json, math, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
texts = open(sys.argv[2], "rb").read().decode("utf-8", "replace").split("\n")[:-1]
assert [x["text"] for x in lines] == texts, texts
for x in lines:
    p, e = x["probabilities"], x["explain"]
    assert set(p) == {"clean", "rude"} and abs(sum(p.values()) - 1) < 1e-5 and p[x["label"]] == x["probability"] == max(p.values())
    margin = e["rest"] + sum(t["share"] for t in e["tokens"])
    assert abs(margin - math.log(p[x["label"]] / p[e["against"]])) < 0.01, x
assert [t["token"] for t in lines[1]["explain"]["tokens"]] == ["the", "frobby"]
END
checks=$((checks + 1))
if command -v python3 > /dev/null; then
    python3 "$work/check.py" "$work/out" "$work/in" || bad "--json is wrong"
else
    echo "skipped: no python3 to read JSON lines with"
fi
ok "a control character is not escaped" grep -q '\\t.*\\u0001' "$work/out"

# --column: TSV as it is, CSV by its quotes and with its header; every record as it was, and two columns more
printf '1\tthe nice tea\tx\n2\tthe frobby tea\ty' > "$work/in"
gives 0 predict --column 2
ok "TSV: $(cat "$work/out")" [ "$(sed 's/[0-9.]*$//' "$work/out")" = '1	the nice tea	x	clean	
2	the frobby tea	y	rude	' ]
gives 0 predict --column 2 --match rude --words --explain
ok "TSV, all at once: $(cat "$work/out")" grep -q '^2	the \*\*\*\*\*\* tea	y	rude	[01]\.[0-9]*	frobby:+[^	]*$' "$work/out"
ok "one line only" [ "$(wc -l < "$work/out")" = 1 ]
printf '\357\273\277"a,b",text\r\n1,"the ""frobby"",\n tea"\r\n"2"",",nice\n\n3,""\n' > "$work/t.csv"
: > "$work/in"
gives 0 predict --column 2 "$work/t.csv"
ok "CSV: $(cat "$work/out")" [ "$(sed 's/[0-9.]*$//' "$work/out")" = '"a,b",text,label,probability
1,"the ""frobby"",
 tea",rude,
"2"",",nice,clean,

3,"",clean,' ]
cp "$work/out" "$work/labels"
for size in 1 3 7; do
    dd if="$work/t.csv" bs=$size 2> "$work/err" | predict --column 2 --format csv > "$work/out"
    ok "CSV in pieces of $size" cmp -s "$work/labels" "$work/out"
done
gives 0 predict --column 2 --words "$work/t.csv"
ok "CSV, words: $(cat "$work/out")" grep -qF '1,"the ""******"",' "$work/out"
gives 0 predict --column 2 --json "$work/t.csv"
ok "CSV as JSON" grep -qF '"text": "the \"frobby\",\n tea"' "$work/out"
gives 0 predict --column 2 -q --match rude "$work/t.csv"
prints ''
printf 'text,n\nthe frobby,1\nnice\n' > "$work/in"
gives 1 predict --column 1
says 'standard input:3: 1 columns, but the header has 2'
ok "what came before a bad record is lost" grep -q '^the frobby,1,rude' "$work/out"
printf 'text,n\nthe frobby,1\nnice,"2\n' > "$work/in"
gives 2 predict --column 1 --match clean
says 'standard input:3: column 2: the quote that begins here never ends'
printf 'a\tb\n' > "$work/in"
gives 1 predict --column 3
says 'standard input:1: 2 columns, but --column 3'

# line by line, and in memory that does not depend on how many there are: where the system tells how much it is
mkfifo "$work/to" "$work/from"
for options in "" "--json --explain" "--words --column 1" "--match rude"; do
    $classify predict --model "$model" $options < "$work/to" > "$work/from" & # the process itself: its memory is looked at
    pid=$!
    exec 3> "$work/to" 4< "$work/from"
    printf 'the frobby tea\n' >&3
    timeout 60 head -n 1 <&4 > "$work/out"
    ok "predict $options does not answer before its input ends" grep -q 'rude' "$work/out"
    peak=$(sed -n 's/^VmPeak:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status" 2> /dev/null)
    exec 3>&- 4<&-
    wait $pid
    [ -n "$peak" ] || { echo "skipped: no /proc to tell the memory of predict $options"; continue; }
    lines=1000000; case $options in *explain*) lines=100000 ;; esac
    awk -v n=$lines 'BEGIN { while (n-- > 0) print "the frobby tea and the " n }' |
        { ulimit -v $((peak + 4000)); predict $options; } | wc -l > "$work/out"
    ok "predict $options: $(cat "$work/out") of $lines lines within $peak + 4000 kB" [ "$(cat "$work/out")" -eq $lines ]
done

# explain: columns that add up, colours on a terminal only, a page
: > "$work/in"
gives 0 $classify explain --model "$model" 'the "Frobby" tea' '这笨蛋'
cp "$work/out" "$work/columns"
ok "explain's columns do not add up" awk -F'\t' '
    /^(rude|clean)\t/ { sum = 0; texts++; next }
    / against / { if ($1 - sum > 0.0006 || sum - $1 > 0.0006) exit bad = 1; margins++; next }
    { sum += $1; rows++ }
    END { exit bad || texts != 2 || margins != 2 || rows != 8 }' "$work/out"
ok "explain: no token" grep -q '^ *+[0-9.]*	Frobby$' "$work/out"
ok "colours without a terminal" [ "$(tr -cd '\033' < "$work/out" | wc -c)" = 0 ]
gives 0 $classify explain --model "$model" --html "$work/page.html" 'the "frobby" <tea> &amp;' '这笨蛋'
prints ''
ok "no page" grep -q '<mark class="for" style="--size:0.70" title="+[0-9.]*">frobby</mark>&quot; &lt;<mark' "$work/page.html"
ok "a page with something from elsewhere" [ "$(grep -c 'src=\|http\|<script\|<link' "$work/page.html")" = 0 ]
gives 1 $classify explain --model "$model" --html /nosuch/page.html x
gives 2 $classify explain --model "$model"
if command -v script > /dev/null && script -qec true /dev/null > /dev/null 2>&1; then
    on_terminal() { TERM=xterm script -qec "$1 $classify explain --model $model 'the frobby tea'" /dev/null < /dev/null > "$work/out"; }
    on_terminal ''
    ok "no colours on a terminal" grep -q "$(printf '\033')\[1;31mfrobby" "$work/out"
    on_terminal 'NO_COLOR=1'
    ok "NO_COLOR is not heard" [ "$(tr -cd '\033' < "$work/out" | wc -c)" = 0 ]
    on_terminal 'NO_COLOR= '
    ok "NO_COLOR is heard that is empty" grep -q "$(printf '\033')\[1;31mfrobby" "$work/out"
    for dumb in 'TERM=dumb' 'env -u TERM'; do
        on_terminal "$dumb"
        ok "colours though $dumb" [ "$(tr -cd '\033' < "$work/out" | wc -c)" = 0 ]
    done
else
    echo "skipped: no script(1) to make a terminal"
fi

# neighbours: the words of one label turn one way
gives 0 $classify neighbours --model "$model" -n 2 FROBBY
ok "the nearest to a rude word: $(cat "$work/out")" [ "$(cut -f2 "$work/out" | sort | tr -d '\n')" = '笨蛋' ]
gives 0 $classify neighbours --model "$model" nice
ok "not ten of them, by cosine" sort -rc -g "$work/out"
ok "not ten of them" [ "$(wc -l < "$work/out")" = 10 ]
gives 2 $classify neighbours --model "$model" xyzzy
says '"xyzzy" is not in the vocabulary'
gives 2 $classify neighbours --model "$model" 'two words'
says '"two words" is 2 tokens to this model (--tokenizer mixed), and should be one'

ends
