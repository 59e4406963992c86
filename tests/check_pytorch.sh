#!/bin/sh
# examples/pytorch.py: a model of classify gives the same logits in PyTorch, and one that PyTorch trained serves classify.
work=$B/pytorch
rm -rf "$work" && mkdir -p "$work"
. tests/check.sh
for python in python3 /usr/bin/python3 ""; do [ -n "$python" ] && $python -c 'import torch, numpy' 2> /dev/null && break; done
if [ -z "$python" ]; then
    echo "skipped: check_pytorch.sh: there is no python3 with PyTorch"
    echo "Checks: 0, Failures: 0, Errors: 0"
    exit 0
fi
cat examples/data/train.tsv examples/data/test.tsv | cut -f2 | head -1000 > "$work/lines"
{ printf "Don't ＳＴＯＰ! ÄÖÜ Привет, Ελλάδος ῥ\tx\n\n \nİı ẞ ﬀ 한국어 カタカナ ﾊﾟ 𠀀 😀 a\xe2\x80\x8bb c\xc2\xadd 100%% <b>\n"; } >> "$work/lines"
ok "classify_logits does not build" ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off -O2 -Iinclude \
    -Iexamples tests/golden/classify_logits.c "$B/float/libtext.a" "$B/libtarn.a" -lm -lpthread -o "$work/logits"
same_logits() { # model
    "$work/logits" "$1" < "$work/lines" > "$work/tarn" && $python examples/pytorch.py logits "$1" < "$work/lines" > "$work/torch" &&
        paste -d ' ' "$work/tarn" "$work/torch" | awk '{ for (i = 1; i <= NF / 2; i++) { d = $i - $(i + NF / 2); if (d < 0) d = -d
            if (!(d <= 1e-5)) { print "line " NR ": " $0; bad = 1 } } } END { exit bad || NR < 1000 }'
}
for options in "" "--hidden 8" "--pooling mean --tokenizer char --ngrams 3" "--pooling max" "--tokenizer word --subwords 6 --ngrams 1 --buckets 5000"; do
    ok "train $options fails" examples/classify train --quiet --epochs 2 $options --model "$work/m" examples/data/train.tsv
    ok "a model of train $options has other logits in PyTorch" same_logits "$work/m"
done
ok "pytorch.py train fails" $python examples/pytorch.py train "$work/p" examples/data/train.tsv
ok "a model of PyTorch's has other logits in tarn" same_logits "$work/p"
ok "classify does not take PyTorch's model" examples/classify eval --model "$work/p" examples/data/test.tsv > "$work/eval"
accuracy=$(sed -n 's/.*accuracy 0\.\([0-9][0-9]\).*/\1/p' "$work/eval")
ok "PyTorch's model labels badly: $(cat "$work/eval")" [ "${accuracy:-0}" -ge 70 ]
ends
