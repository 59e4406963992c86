#!/bin/sh
# classify train --vectors and classify export-vectors as a user runs them; python3-gensim reads what is exported and
# writes what is read, where it is there.
work=$B/vectors
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify} model=$work/m
. tests/check.sh
few() { $classify train --epochs 1 --batch 4 --buckets 300 "$@" "$work/few"; }
head -60 examples/data/train.tsv > "$work/few"

# out, in again frozen, and out: the same bytes; dim comes with the file
ok "train fails" few --quiet --dim 5 --model "$model"
ok "export-vectors fails" $classify export-vectors --model "$model" "$work/v.vec"
ok "no header" grep -qx "[0-9]* 5" "$work/v.vec"
ok "train --vectors fails" few --freeze-embedding --vectors "$work/v.vec" --seed 2 --model "$work/other" 2> "$work/err"
ok "coverage is not told: $(cat "$work/err")" grep -q "^$work/v.vec: \([0-9]*\) of \1 tokens (100.0 %; 100 % of the text)$" "$work/err"
ok "export-vectors fails" $classify export-vectors --model "$work/other" > "$work/out"
same "frozen rows come out as others" "$work/v.vec" "$work/out"
ok "train --vectors fails" few --quiet --vectors "$work/v.vec" --seed 2 --model "$work/other" 2> "$work/err"
ok "--quiet tells the coverage" [ ! -s "$work/err" ]
ok "export-vectors fails" $classify export-vectors --model "$work/other" - > "$work/out"
ok "rows that are not frozen come out as they went in" sh -c "! cmp -s $work/v.vec $work/out"
head -20 "$work/v.vec" | sed 1d > "$work/some"
status 0 "$work/some: 19 of " few --vectors "$work/some" --model "$work/other"
status 1 "-: it is empty" few --vectors - --model "$work/again"
cat "$work/some" | few --quiet --vectors - --model "$work/again"
same "vectors from a pipe give another model" "$work/other" "$work/again"
ok "train --vectors --dim fails" few --quiet --dim 5 --vectors "$work/some" --model "$work/again"
same "--dim of the same size gives another model" "$work/other" "$work/again"

# a token of white space alone is left out, others would take it for no token
ok "train fails" few --quiet --tokenizer char --ngrams 1 --model "$work/other"
status 0 "classify: 1 tokens with a space are left out" $classify export-vectors --model "$work/other" "$work/out.vec"
ok "the header counts what is left out" [ "$(head -1 "$work/out.vec")" = "$(($(wc -l < "$work/out.vec") - 1)) 64" ]

# a row without a direction is no neighbour of any
word=$(sed -n 's/^\([a-z]*\) .*/\1/p' "$work/v.vec" | head -1)
sed "s/^$word .*/$word 0 0 0 0 0/" "$work/v.vec" > "$work/flat"
ok "train --vectors fails" few --quiet --freeze-embedding --vectors "$work/flat" --model "$work/other"
ok "neighbours fails" $classify neighbours --model "$work/other" "$word" > "$work/out"
ok "a row of zeros has a neighbour: $(head -1 "$work/out")" [ "$(cut -f1 "$work/out" | sort -u)" = "+0.0000" ]

# going on needs the same vectors
few --quiet --vectors "$work/v.vec" --model "$work/other" --checkpoint "$work/c" --checkpoint-every 7
status 0 "" few --vectors "$work/v.vec" --model "$work/again" --checkpoint "$work/c" --resume
same "going on gives another model" "$work/other" "$work/again"
status 2 "that one has --vectors $work/v.vec, this one --vectors $work/some" \
    few --vectors "$work/some" --model "$work/again" --checkpoint "$work/c" --resume

# what goes wrong, and what is said; nothing is half-written
status 2 "$work/v.vec has 5 numbers for each token, but --dim is 8: leave --dim out" few --dim 8 --vectors "$work/v.vec" --model "$work/x"
status 1 "cannot open \"nosuch\"" few --vectors nosuch --model "$work/x"
status 1 "cannot read \"src\"" few --vectors src --model "$work/x"
status 1 "$work/few:1: no vectors" few --vectors "$work/few" --model "$work/x"
sed '7s/$/ 1.0e/' "$work/v.vec" > "$work/bad"
status 1 "$work/bad:7: number 5 of 5 is \"1.0e\"" few --vectors "$work/bad" --model "$work/x"
printf 'nosuchtoken 1 2\n' > "$work/bad"
status 1 "none of its 1 tokens is one of the texts'" few --vectors "$work/bad" --model "$work/x"
ok "a model though the vectors were bad" [ ! -e "$work/x" ]
cp "$work/v.vec" "$work/kept"
status 1 "cannot write" sh -c "$classify export-vectors --model $model > /dev/full"
status 1 "cannot write \"/nosuch/v\"" $classify export-vectors --model "$model" /nosuch/v
status 1 "cannot write \"src\": Is a directory" $classify export-vectors --model "$model" src
status 1 "File too large" sh -c "ulimit -f 1; trap '' XFSZ; $classify export-vectors --model $model $work/kept"
same "a failed export changes the file" "$work/v.vec" "$work/kept"
ok "a failed export leaves a file" [ -z "$(find "$work" -name 'kept.*')" ]
chmod 640 "$work/kept" && ln -s kept "$work/link"
ok "export-vectors fails" $classify export-vectors --model "$model" "$work/link"
ok "an export loses the mode or the link" [ -L "$work/link" ] && [ "$(stat -c %a "$work/kept")" = 640 ]
ok "export-vectors writes to no pipe" [ "$($classify export-vectors --model "$model" /dev/stdout | cmp - "$work/v.vec" 2>&1)" = "" ]

# gensim, in all three formats
for python in python3 /usr/bin/python3 ""; do [ -n "$python" ] && $python -c 'import gensim' 2> /dev/null && break; done
if [ -n "$python" ]; then
    ok "gensim does not read what is exported" $python - "$work" <<'END'
import sys
from gensim.models import KeyedVectors
work = sys.argv[1]
v = KeyedVectors.load_word2vec_format(work + "/v.vec")
assert v.vector_size == 5 and len(v) > 100
v.save_word2vec_format(work + "/g.bin", binary=True)
v.save_word2vec_format(work + "/g.vec")
v.save_word2vec_format(work + "/g.glove", write_header=False)
END
    for from in g.bin g.vec g.glove; do
        status 0 "tokens (100.0 %; 100 % of the text)" few --freeze-embedding --vectors "$work/$from" --model "$work/other"
        ok "export-vectors fails" $classify export-vectors --model "$work/other" "$work/out.vec"
        same "what gensim writes as $from is read as something else" "$work/v.vec" "$work/out.vec"
    done
else
    echo "skipped: check_vectors.sh: there is no python3 with gensim"
fi

ends
