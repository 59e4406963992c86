#!/bin/sh
# No locale, environment or current folder changes what is read or written: the tests of texts pass where numbers have
# commas, and classify writes the same bytes wherever it is run.
here=$PWD work=$(cd "$B" && pwd)/surroundings
. tests/check.sh
export CK_DEFAULT_TIMEOUT=600
rm -rf "$work" && mkdir -p "$work/locale" "$work/elsewhere"

if localedef -i de_DE -f UTF-8 "$work/locale/de_DE.UTF-8" 2> "$work/log"; then
    german="env LOCPATH=$work/locale LC_ALL= LC_MESSAGES=C LANG=de_DE.UTF-8" # the system's own texts as the tests know them
    ok "de_DE.UTF-8 has no comma" [ "$($german /usr/bin/printf %.1f 0,5)" = 0,5 ]
    for name in error first_hour golden io look loss_errors npy optim params profile shape_errors text_data text_options \
        text_reader text_tokens text_utf8 text_vectors; do
        ok "test_$name fails in de_DE.UTF-8: $work/$name" sh -c "$german $B/float/tests/test_$name > $work/$name"
    done
else
    echo "skipped: tests in de_DE.UTF-8: localedef cannot make it: $(head -1 "$work/log")"
fi

# a model, its checkpoint, predictions and reports
run() { # folder, then what stands before the command
    to=$work/$1; shift; mkdir -p "$to"
    "$@" "$here/examples/classify" train --quiet --epochs 2 --lr 0.5 --buckets 500 --model "$to/model" --checkpoint "$to/checkpoint" \
        "$here/examples/data/train.tsv" --test "$here/examples/data/test.tsv" > "$to/report" &&
        cut -f2 "$here/examples/data/test.tsv" | "$@" "$here/examples/classify" predict --model "$to/model" > "$to/labels" &&
        "$@" "$here/examples/classify" eval --json --model "$to/model" "$here/examples/data/test.tsv" > "$to/json"
}
alike() { # text, then what stands before the command
    ok "classify fails $1" run "$@"
    ok "classify writes something else $1" diff -r "$work/plain" "$work/$1"
}
ok "classify fails" run plain env -i
alike "with no environment" env
alike "in another language" env LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 LANGUAGE=de LOCPATH="$work/locale"
alike "in no known language" env LC_ALL=nosuch
alike "in odd surroundings" env TMPDIR=/nosuch HOME=/nosuch POSIXLY_CORRECT=1 COLUMNS=7 LINES=2 TZ=Pacific/Kiritimati TERM=dumb \
    NO_COLOR=1 IFS=0.5
cd "$work/elsewhere" && alike "in another folder" env && cd "$here"
ok "something is left in that folder" rmdir "$work/elsewhere"
ends
