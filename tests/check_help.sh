#!/bin/sh
# What is told about classify's command line: the manual page has the options that the help has, and no other; the shells
# complete them.
work=$B/help
rm -rf "$work" && mkdir -p "$work"
classify=${CLASSIFY:-examples/classify} page=examples/classify.1
. tests/check.sh
export LC_ALL=C # as sort sorts
ok "another version than tarn.h's" [ "$($classify --version)" = "classify $(sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' include/tarn/tarn.h)" ]

# the page
commands=$($classify --help | sed -n 's/^ *\(usage: \)\{0,1\} *classify \([a-z][a-z-]*\) .*/\2/p')
ok "no commands in the help" [ "$(echo "$commands" | wc -l)" -ge 6 ]
for command in $commands; do
    $classify help "$command" | sed -n 's/^  \(-[^ ]* [^ ]*\) .*/\1/p' | sed 's/ *$//' >> "$work/told"
    ok "$page has no command $command" grep -q "^\.It Cm $command$" "$page"
    ok "$page has no $command in its synopsis" grep -q "^\.Cm $command$" "$page"
done
sort -u -o "$work/told" "$work/told"
sed -n 's/^\.It Fl \(.*\)/-\1/p' "$page" | sed 's/ Ar / /' > "$work/page"
echo "--help" >> "$work/page" # told of once, for all commands
sort -o "$work/page" "$work/page"
ok "$page has other options than the help (<: help, >: page): $(diff "$work/told" "$work/page")" cmp -s "$work/told" "$work/page"
if command -v mandoc > /dev/null; then
    ok "$page: $(mandoc -Tlint "$page")" [ -z "$(mandoc -Tlint "$page")" ]
elif command -v groff > /dev/null; then
    ok "$page: $(groff -mandoc -ww -z "$page" 2>&1)" [ -z "$(groff -mandoc -ww -z "$page" 2>&1)" ]
else
    echo "skipped: check_help.sh: neither mandoc nor groff is there to look at the page"
fi

options_of() { # a command -> what its help tells of, sorted
    $classify help "$1" | sed -n 's/^  \(-[^ ]*\) .*/\1/p' | sort
}

# bash
$classify completion bash > "$work/classify"
complete() { # words of a command line, the last one to be completed -> what bash offers, sorted
    bash -c '. "$0/classify"; COMP_WORDS=(classify "$@"); COMP_CWORD=$#; _classify; printf "%s\n" "${COMPREPLY[@]}"' \
        "$work" "$@" | sort
}
offers() { # what must be offered, one a line, then the words
    want=$(printf %b "$1" | sort); shift
    got=$(complete "$@")
    ok "after '$*' bash offers: $got" [ "$got" = "$want" ]
}
if command -v bash > /dev/null; then
    offers "train\ntune\n" t
    offers "eval\n" help ev
    offers "--budget\n--buckets\n" tune --bu
    offers "--test\n--text-column\n" train --te
    offers "csv\n" eval --format c
    offers "" train --dim ""
    offers "--quiet\n" train "a file" --q
    offers "Makefile\n" predict Makef
    offers "Makefile\n" predict --model Makef
    offers "--help\nbash\nzsh\n" completion ""
    for command in $commands; do
        options_of "$command" > "$work/told"
        complete "$command" - > "$work/offered"
        ok "bash offers other options of $command: $(diff "$work/told" "$work/offered")" cmp -s "$work/told" "$work/offered"
    done
else
    echo "skipped: check_help.sh: there is no bash"
fi

# zsh; what its script says is looked at where there is none, too
$classify completion zsh > "$work/_classify"
for command in $commands; do
    case $command in help | completion) continue ;; esac # they take a word, not options
    options_of "$command" > "$work/told"
    sed -n "/^    $command)\$/,/;;/s/^ *'\(-[^['*]*\).*/\1/p" "$work/_classify" | sort > "$work/offered"
    ok "zsh has other options of $command: $(diff "$work/told" "$work/offered")" cmp -s "$work/told" "$work/offered"
done
if command -v zsh > /dev/null; then
    ok "zsh does not read its script" zsh -n "$work/_classify"
    ok "zsh does not take its script" zsh -fc "autoload -U compinit && compinit -D -u && . '$work/_classify' && [[ \$_comps[classify] = _classify ]]"
else
    echo "skipped: check_help.sh: there is no zsh"
fi

ends
