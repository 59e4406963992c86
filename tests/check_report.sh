#!/bin/sh
# classify train --report: a page that is whole or not at all, in which no text runs, and which draws: headless Chromium opens
# it as on a phone and on a desk, in light and dark.
work=$B/report
rm -rf "$work" && mkdir -p "$work"
here=$(cd "$work" && pwd)
classify=${CLASSIFY:-examples/classify} page=$work/page.html
. tests/check.sh
has() { ok "there is no $1" grep -qF -- "$1" "$page"; }
train() { $classify train --quiet --dim 4 --ngrams 1 --subwords 0 --epochs 4 --seed 7 --model "$work/m" --report "$page" "$@"; }

# texts, labels and file names that would like to be elements of the page
evil='<script>document.title="ran"</script>' text="$work/t&<b>.tsv"
sed "s/^profane	/profane<i>	/; s/^clean	/clean \&amp;	/; 3,40s|\$| $evil <img src=x onerror=alert(1)>|" examples/data/train.tsv > "$text"
sed "s/^profane	/profane<i>	/; s/^clean	/clean \&amp;	/; s|\$| <b> $evil|" examples/data/test.tsv > "$work/test.tsv"
awk 'BEGIN { printf "clean &amp;\t"; while (n++ < 79) printf "fuck "; print "\345\271\271\345\271\271\345\271\271" }' >> "$work/test.tsv"
ok "train --report fails" train "$text"
has "<h2>Loss</h2>"
has "that it has not learnt: those of the part that was held out"
has "<td>--seed</td><td class=\"text\">7</td>"
has "<td>--validation</td><td class=\"text\">0.1</td>"
cp "$page" "$work/again"
ok "train --report fails" train "$text"
ok "the same training gives another page" cmp "$page" "$work/again"
ok "train --report --test fails" train --patience 1 --positive 'profane<i>' --target-precision 0.9 --test "$work/test.tsv" "$text" > "$work/out"
for word in "&lt;script&gt;document.title=&quot;ran&quot;&lt;/script&gt;" "profane&lt;i&gt;" "clean &amp;amp;" "t&amp;&lt;b&gt;.tsv" \
    "$work/test.tsv" "The most mistaken lines" "Strongest for" "rows before training" "The same after training" "without temperature" \
    ">threshold</text>"; do has "$word"; done
ok "an element that was a text" sh -c "! grep -qi '<script\|<img\|<b>[^0-9n]\|<i>' '$page'"
ok "something from elsewhere" sh -c "! grep -qi 'src=\|href=\|url(\|@import' '$page'"
has "<td>--target-precision</td><td class=\"text\">0.9</td>"
ok "training moved no row" [ "$(grep -o 'first axis: [0-9]* %' "$page" | sort -u | wc -l)" = 2 ]
has "fuck $(printf '\345\271\271') &hellip;</td>" # of a text that is too long to be shown, no half of a character
macro=$(sed -n 's/.*macro-F1 \(0\.[0-9]*\).*/\1/p' "$work/out")
has "<b>$macro</b><span class=\"soft\">macro-F1</span>"

# all or nothing
small() { (trap '' XFSZ; ulimit -f 140; train --dim 1 "$text"); } # no file larger than 72 kB: the model is less, the page is more
cp "$page" "$work/kept"
status 1 "cannot write \"$page\": File too large" small
ok "a failed report leaves another page" cmp "$page" "$work/kept"
ok "a failed report leaves a file: $(ls "$work")" [ "$(ls "$work" | grep -c 'page')" = 1 ]
status 1 "cannot write \"/dev/full\": No space left on device" train --report /dev/full "$text"
status 1 "cannot write \"/nosuch/r\"" train --report /nosuch/r "$text"
status 2 "--report: on which texts? --validation PART names them" train --validation 0 "$text"

# a training that goes on from a checkpoint says what it does not know
go_on() { train --checkpoint "$work/c" --checkpoint-every 500 --batch 2 --report "$work/resumed.html" "$@" "$text"; }
ok "checkpoints fail" go_on
ok "going on fails" go_on --resume
ok "nothing is said of the checkpoint" grep -q "The training went on from a checkpoint" "$work/resumed.html"

# many labels, one epoch, nothing mistaken
seq 400 | awk '{ print "l" $1 % 20 "\tw" $1 % 20 " x" $1 % 7 }' > "$work/many"
ok "twenty labels fail" train --epochs 1 --report "$work/many.html" "$work/many"
awk 'BEGIN { for (i = 0; i < 60; i++) print (i % 2 ? "a\tyes" : "b\tno") }' > "$work/easy"
ok "few tokens fail" train --epochs 20 --lr 3 --report "$work/easy.html" "$work/easy"
printf 'rare\tperhaps\n' | cat "$work/easy" - > "$work/rare"
ok "a label that no judging text has fails" train --epochs 61 --lr 30 --validation "$work/easy" --report "$work/sure.html" "$work/rare"
ok "the file is not named" grep -qF "those of $work/easy." "$work/sure.html"
ok "mistakes where there are none" grep -q "There is none: all answers are right." "$work/easy.html"

for chromium in chromium chromium-browser ""; do command -v "$chromium" > /dev/null 2>&1 && break; done
if [ -z "$chromium" ]; then
    echo "skipped: check_report.sh: there is no chromium to draw the page"
    echo "Checks: $checks, Failures: $failures, Errors: 0"
    exit $((failures > 0))
fi

# a page that looks at the reports, each as wide as a phone and as a desk
{ echo '<!DOCTYPE html><meta charset="utf-8"><body>'
    for file in page many easy; do for width in 390 1200; do
        echo "<iframe src=\"$file.html\" style=\"width: ${width}px; height: 800px; border: 0\"></iframe>"; done; done
    cat <<'END'
<pre id="said"></pre>
<script>
function crosses(a, b) {
    return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
}
function look(frame) {
    const d = frame.contentDocument, name = frame.getAttribute("src") + " " + frame.style.width + ": ";
    const say = what => document.getElementById("said").append(name + what + "\n");
    const all = what => [...d.querySelectorAll(what)];
    if (d.documentElement.scrollWidth > frame.clientWidth) say("wider than the window: " + d.documentElement.scrollWidth);
    if (d.title != "classify: a training" || d.querySelector("script, img, iframe, object")) say("a text has run");
    if (all("svg").length != 6) say(all("svg").length + " pictures");
    for (const svg of all("svg")) {
        const box = svg.getBoundingClientRect(), words = [...svg.querySelectorAll("text")];
        if (box.width < 200 || box.height < 100) say("a picture of " + box.width + " by " + box.height);
        for (const line of svg.querySelectorAll("polyline"))
            if (line.getTotalLength() < 20 && !name.startsWith("many")) say("a line of length " + line.getTotalLength());
        for (const part of svg.querySelectorAll("text, circle, polyline, path")) {
            const b = part.getBoundingClientRect();
            if (!b.width && !b.height && part.points?.numberOfItems > 1) say(part.outerHTML + " is nowhere");
            if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1)
                say(part.outerHTML + " is outside of its picture");
        }
        words.forEach((a, i) => words.slice(i + 1).forEach(b => {
            if (crosses(a.getBoundingClientRect(), b.getBoundingClientRect())) say(a.textContent + " lies on " + b.textContent);
        }));
    }
    if (all("circle").length < 20) say(all("circle").length + " points");
    for (const cell of all("th, td, figcaption, .tiles .card"))
        if (cell.scrollWidth > cell.clientWidth + 1) say("cut: " + cell.textContent);
    say("paper " + frame.contentWindow.getComputedStyle(d.body).backgroundColor);
}
onload = () => document.querySelectorAll("iframe").forEach(look);
</script>
END
} > "$work/look.html"

draw() { # 1: light, 0: dark; what was seen goes to $work/seen
    HOME=$here timeout 300 "$chromium" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --enable-logging=stderr \
        --user-data-dir="$here/chromium" --blink-settings=preferredColorScheme=$1 --window-size=1300,900 \
        --dump-dom "file://$here/look.html" > "$work/dom" 2> "$work/log"
    sed -n '/<pre id="said">/,/<\/pre>/p' "$work/dom" | sed 's/<[^>]*>//g' > "$work/seen"
    ok "the browser says: $(grep CONSOLE "$work/log")" sh -c "! grep -q CONSOLE '$work/log'"
    ok "not all pages are drawn: $(tail -3 "$work/log")" [ "$(grep -c 'paper rgb' "$work/seen")" = 6 ]
    ok "$(grep -v 'paper rgb' "$work/seen" | head -20)" [ "$(grep -c . "$work/seen")" = 6 ]
}
draw 1
ok "light is not light" [ "$(grep -c 'paper rgb(255, 255, 255)' "$work/seen")" = 6 ]
draw 0
ok "dark is not dark" [ "$(grep -c 'paper rgb(13, 17, 23)' "$work/seen")" = 6 ]
rm -rf "$work/chromium"

ends
