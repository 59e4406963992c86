"""How well examples/classify labels texts with the options that it has by itself, beside its peers.

usage: quality.py [--build DIR] [--classify PROGRAM] [--sets NAME,...] [peers] [ablations]

QUALITY_DATA (default ../shared/data) holds a folder for each set, with train.tsv and test.tsv of label<TAB>text.
peers, or nothing: macro-F1 on test, of seeds 1 to 5 and their median; then that of fastText and of scikit-learn's TF-IDF
with logistic regression and a linear SVM, and the interval that holds 95 % of 10,000 resamples of the test texts for how
much better classify's median model is. fastText's options are chosen on a fifth of train; of scikit-learn's eight models
the best on test stands beside classify, which flatters it. Peers that are missing are named and skipped.
ablations: what each ingredient is worth, by five-fold cross-validation on train; test stays unread.
"""
import argparse
import collections
import importlib.util
import os
import random
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.environ.get("QUALITY_DATA", os.path.join(ROOT, "..", "shared", "data"))
SEEDS, RESAMPLES, FOLDS = range(1, 6), 10000, 5
TOKEN = re.compile(r"[a-z0-9]+|[^\sa-z0-9!-/:-@\[-`{-~]")  # for peers: code points of CJK, words otherwise


# ---- scores --------------------------------------------------------------------------------------------------------

def macro_f1(counts):
    """Of how often which (truth, answer) occurs."""
    truths, answers, right = collections.Counter(), collections.Counter(), collections.Counter()
    for (truth, answer), n in counts.items():
        truths[truth] += n
        answers[answer] += n
        right[truth] += n * (truth == answer)
    return statistics.fmean(2 * right[label] / (truths[label] + answers[label]) for label in truths)


def score(truth, answers):
    return macro_f1(collections.Counter(zip(truth, answers)))


def interval(truth, ours, theirs):
    """2.5 and 97.5 % of the difference, over resamples of the texts. Texts with the same truth and answers are alike,
    so kinds of texts are drawn."""
    kinds = collections.Counter(zip(truth, ours, theirs))
    draw, names, differences = random.Random(1), list(kinds), []
    for _ in range(RESAMPLES):
        drawn = collections.Counter(draw.choices(names, kinds.values(), k=len(truth)))
        a, b = collections.Counter(), collections.Counter()
        for (y, our, their), n in drawn.items():
            a[y, our] += n
            b[y, their] += n
        differences.append(macro_f1(a) - macro_f1(b))
    differences.sort()
    return differences[RESAMPLES // 40], differences[-RESAMPLES // 40]


# ---- classify ------------------------------------------------------------------------------------------------------

def read(path):
    lines = open(path, encoding="utf-8", newline="\n").read().split("\n")
    return [tuple(line.split("\t", 1)) for line in lines if line]


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()


def classify(o, train, test, *options):
    """The labels that a model of train gives to test; both are (label, text)."""
    paths = [os.path.join(o.work, name) for name in ("train.tsv", "test.txt", "model.safetensors")]
    with open(paths[0], "w", encoding="utf-8", newline="\n") as f:
        f.writelines(f"{label}\t{text}\n" for label, text in train)
    with open(paths[1], "w", encoding="utf-8", newline="\n") as f:
        f.writelines(f"{text}\n" for _, text in test)
    run(o.classify, "train", "--quiet", "--model", paths[2], *options, paths[0])
    return [line.split("\t", 1)[0] for line in run(o.classify, "predict", "--model", paths[2], paths[1]).split("\n")[:-1]]


# ---- peers ---------------------------------------------------------------------------------------------------------

def words(texts):
    return [" ".join(TOKEN.findall(text.lower())) for _, text in texts]


def fasttext(o, train, test, options):
    paths = [os.path.join(o.work, name) for name in ("fasttext.txt", "fasttext", "fasttext.test")]
    with open(paths[0], "w", encoding="utf-8") as f:
        f.writelines(f"__label__{label} {text}\n" for (label, _), text in zip(train, words(train)))
    with open(paths[2], "w", encoding="utf-8") as f:
        f.writelines(text + "\n" for text in words(test))
    run("fasttext", "supervised", "-input", paths[0], "-output", paths[1], "-thread", "1", "-dim", "16", "-bucket",
        "200000", *options.split())
    return [line[9:] for line in run("fasttext", "predict", paths[1] + ".bin", paths[2]).split("\n")[:-1]]


def fasttext_peer(o, train, test):
    """Its options and its answers."""
    grid = [f"-epoch {epoch} -lr {lr} -wordNgrams {n}" for n in (1, 2, 3)
            for epoch, lr in ((5, 0.5), (10, 0.1), (10, 0.25), (25, 0.1))]
    grid.append("-epoch 10 -lr 0.1 -wordNgrams 2 -minn 1 -maxn 4")
    part, held = train[len(train) // 5:], train[:len(train) // 5]
    best = max(grid, key=lambda options: score([y for y, _ in held], fasttext(o, part, held, options)))
    return f"fastText {best}", fasttext(o, train, test, best)


def sklearn_peers(train, test):
    """Names and answers of the eight."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC
    features = {f"words 1-{n}": dict(token_pattern=r"\S+", ngram_range=(1, n)) for n in (1, 2, 3)}
    features["characters 1-5"] = dict(analyzer="char_wb", ngram_range=(1, 5))
    models = {"logistic regression": lambda: LogisticRegression(C=10, class_weight="balanced", max_iter=300),
              "linear SVM": lambda: LinearSVC(C=0.5)}
    for feature, options in features.items():
        vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, **options)
        rows, test_rows = vectorizer.fit_transform(words(train)), vectorizer.transform(words(test))
        for name, model in models.items():
            yield f"TF-IDF {feature}, {name}", list(model().fit(rows, [y for y, _ in train]).predict(test_rows))


def peers(o, train, test):
    if shutil.which("fasttext"):
        yield fasttext_peer(o, train, test)
    else:
        print("skipped: there is no fasttext", flush=True)
    if importlib.util.find_spec("sklearn"):
        yield max(sklearn_peers(train, test), key=lambda peer: score([y for y, _ in test], peer[1]))
    else:
        print("skipped: there is no scikit-learn", flush=True)


# ---- tables --------------------------------------------------------------------------------------------------------

def compare(o, name, train, test):
    truth = [y for y, _ in test]
    runs = [classify(o, train, test, "--seed", str(seed)) for seed in SEEDS]
    scores = [score(truth, answers) for answers in runs]
    ours = sorted(zip(scores, runs))[len(runs) // 2][1]
    print(f"\n| {name}, macro-F1 on test | | classify is better by |\n| --- | --- | --- |")
    print(f"| classify, median of {' '.join(f'{s:.4f}' for s in scores)} | {statistics.median(scores):.4f} | |", flush=True)
    for peer, answers in peers(o, train, test):
        low, high = interval(truth, ours, answers)
        theirs = score(truth, answers)
        print(f"| {peer} | {theirs:.4f} | {score(truth, ours) - theirs:+.4f} ({low:+.4f} to {high:+.4f}) |", flush=True)


def cross_validate(o, texts, options):
    answers = [None] * len(texts)
    for fold in range(FOLDS):
        held = [text for i, text in enumerate(texts) if i % FOLDS == fold]
        rest = [text for i, text in enumerate(texts) if i % FOLDS != fold]
        answers[fold::FOLDS] = classify(o, rest, held, *options)
    return score([y for y, _ in texts], answers)


def apart(texts):
    """With a blank in each address, name and entity, so that classify reads them as any words."""
    return [(y, re.sub(r"(https?)(?=://)|(@)(?=\w)|(&#?)(?=\w)", r"\g<0> ", text)) for y, text in texts]


ABLATIONS = [("as it is", []), ("mean alone", ["--pooling", "mean"]), ("maximum alone", ["--pooling", "max"]),
             ("32 numbers a token", ["--dim", "32"]), ("a hidden layer of 32", ["--hidden", "32"]), ("no pairs of tokens", ["--ngrams", "1"]),
             ("no pieces of words", ["--subwords", "0"]), ("addresses, names and entities as any words", None),
             ("rare classes count as much", ["--class-weights", "balanced"]),
             ("labels as they are", ["--label-smoothing", "0"])]


def ablate(o, sets):
    print(f"\n| macro-F1, {FOLDS}-fold on train | {' | '.join(sets)} |\n| --- |{' --- |' * len(sets)}", flush=True)
    trains = [read(os.path.join(DATA, name, "train.tsv")) for name in sets]
    for what, options in ABLATIONS:
        scores = [cross_validate(o, apart(t) if options is None else t, options or []) for t in trains]
        print(f"| {what} | {' | '.join(f'{s:.4f}' for s in scores)} |", flush=True)


def main():
    if not importlib.util.find_spec("sklearn") and os.access("/usr/bin/python3", os.X_OK) and "QUALITY_PYTHON" not in os.environ:
        os.environ["QUALITY_PYTHON"] = "1"
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--build", default="build")
    parser.add_argument("--classify", default="examples/classify")
    parser.add_argument("--sets", default="davidson,cold")
    parser.add_argument("parts", nargs="*")
    o = parser.parse_args()
    o.work = os.path.join(o.build, "quality")
    os.makedirs(o.work, exist_ok=True)
    sets = [name for name in o.sets.split(",") if os.path.isdir(os.path.join(DATA, name))]
    if not sets:
        print(f"skipped: {DATA} has none of {o.sets}: QUALITY_DATA names their folder")
        return
    for name in sets if "peers" in (o.parts or ["peers"]) else []:
        compare(o, name, *(read(os.path.join(DATA, name, part)) for part in ("train.tsv", "test.tsv")))
    if "ablations" in o.parts:
        ablate(o, sets)


if __name__ == "__main__":
    main()
