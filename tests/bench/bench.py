"""Runs the benchmarks: tarn beside every peer that this machine has.

usage: bench.py [--build DIR] [--repeats N] [--cpu] [PART...]

PART: gemm overhead mlp gpt wide embedding classify threads growth; all of them without one. In each part tarn and its
peers are warm processes that take turns, one repeat each a round; a row shows the median of the rounds and, for tarn,
the least and the greatest. Prints the tables, beneath each why rows of it fall short, and writes them to
DIR/bench.json. Peers that are missing are named and
skipped; tests/bench/setup.sh installs them. --cpu measures processor time, for a look at one thread on a busy
machine.
"""
import argparse
import collections
import json
import math
import os
import platform
import re
import resource
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time

from why import why

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KEEP_PAGES = dict(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="20000000000", MALLOC_TOP_PAD_="67108864")
BLIS = f"/usr/lib/{platform.machine()}-linux-gnu/blis-openmp"
PAUSE = 0.005  # s: a library's threads spin for a while after its work; the next one starts when they sleep


# ---- programs that serve requests ----------------------------------------------------------------------------------

class Program:
    """A process that answers requests (see bench.h); started at the first one."""

    def __init__(self, argv, env=None, threads=1):
        self.argv, self.env, self.process = argv, dict(os.environ, **(env or {})), None
        for name in ("OMP", "OPENBLAS", "BLIS"):
            self.env.setdefault(name + "_NUM_THREADS", str(threads))
        self.env["OPENBLAS_THREAD_TIMEOUT"] = "20"  # spins for 2^20 cycles, not 2^26, before it sleeps
        self.threads = threads

    def ask(self, request):
        """The number that is answered, None if it cannot be done."""
        if not self.process:
            self.process = subprocess.Popen(self.argv, env=self.env, text=True, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE)
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n").split("\t")
        except BrokenPipeError:
            answer = []
        if self.threads > 1:
            time.sleep(PAUSE)
        return float(answer[1]) if len(answer) == 3 and answer[1] != "-" else None

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.process = None


class Run:
    """What a part needs: the programs, the rows that it has made, what was missing."""

    def __init__(self, options):
        self.options, self.programs, self.rows, self.missing, self.notes = options, {}, [], {}, []
        self.torch_python = next((p for p in dict.fromkeys((os.environ.get("PY"), "/usr/bin/python3", sys.executable))
                                  if p and has_torch(p)), None)

    def program(self, key, argv, env=None, threads=1):
        if key not in self.programs:
            self.programs[key] = Program(argv, env, threads)
        return self.programs[key]

    def tarn(self, name, threads=1, seconds=0.1):
        argv = [os.path.join(self.options.build, "bench", name), str(threads), str(seconds)]
        return self.program((name, threads, seconds), argv, threads=threads)

    def torch(self, threads=1, blas="openblas", keep_pages=False, seconds=0.1):
        if not self.torch_python:
            self.missing["PyTorch"] = "python3-torch"
            return None
        env = dict(KEEP_PAGES) if keep_pages else {}
        if blas == "blis":
            env["LD_LIBRARY_PATH"] = BLIS
        else:
            env["OPENBLAS_NUM_THREADS"] = "1"  # its threads and OpenMP's get into each other's way
        argv = [self.torch_python, os.path.join(HERE, "torch_peer.py"), str(threads), str(seconds)]
        return self.program(("torch", threads, blas, keep_pages, seconds), argv, env, threads)

    def close(self):
        for p in self.programs.values():
            p.close()
        self.programs = {}


# OpenBLAS and BLIS look at the processor, and do not always find their fastest kernels: each gets what is fastest here.
SETTINGS = {"openblas": ("OPENBLAS_CORETYPE", ("SkylakeX", "Haswell", "Zen")),
            "blis": ("BLIS_ARCH_TYPE", ("skx", "haswell", "zen3", "zen2"))}


def choose_settings(run):
    """Read by a peer when its process starts."""
    os.environ.pop("OPENBLAS_L2_SIZE", None)
    for peer, (name, choices) in SETTINGS.items():
        times = {setting: time_with(run, peer, name, setting) for setting in (None, *choices)}
        best = min(times, key=times.get)
        set_environment(name, best)
        if times[best] < math.inf:
            run.notes.append(f"{peer}: {name} {'is ' + best if best else 'is not set'}, its fastest here")


def time_with(run, peer, name, setting):
    set_environment(name, setting)
    p = Program([os.path.join(run.options.build, "bench", "gemm"), "1", "0.02"])
    times = [p.ask(f"{peer} NN 512 512 512") or math.inf for _ in range(3)]
    p.close()
    return min(times)


def set_environment(name, value):
    os.environ.pop(name, None)
    if value:
        os.environ[name] = value


def has_torch(python):
    look = "from importlib.util import find_spec as f; import sys; sys.exit(not (f('torch') and f('numpy')))"
    return shutil.which(python) and subprocess.run([python, "-c", look]).returncode == 0


# ---- rows ----------------------------------------------------------------------------------------------------------

Values = collections.namedtuple("Values", "median least greatest")


class Row:
    """One line of a table. goals: ("x", r) at least r times the best peer; ("<=", v), (">=", v) in the row's unit.
    aside: peers that are shown, but do not do the same work."""

    def __init__(self, table, work, unit, tarn, peers=None, goals=(), higher=False, aside=()):
        self.table, self.work, self.unit, self.tarn, self.higher = table, work, unit, tarn, higher
        self.peers, self.goals, self.aside = peers or {}, goals, aside

    def ratio(self):
        medians = [v.median for n, v in self.peers.items() if n not in self.aside]
        if not medians or not self.tarn:
            return None
        return self.tarn.median / max(medians) if self.higher else min(medians) / self.tarn.median

    def reached(self):
        """None if there is nothing to reach, or nothing to tell it by."""
        if not self.tarn:
            return False
        ratio, tests = self.ratio(), []
        for kind, value in self.goals:
            if kind == "x" and ratio is not None:
                tests.append(ratio >= value)
            elif kind in ("<=", ">="):
                tests.append(self.tarn.median <= value if kind == "<=" else self.tarn.median >= value)
        return all(tests) if tests else None

    def goal(self):
        sign = {"<=": "≤", ">=": "≥"}
        return ", ".join(f"≥ {v:g} ×" if k == "x" else f"{sign[k]} {number(v)}" for k, v in self.goals)


def values(numbers):
    numbers = [n for n in numbers if n is not None]
    return Values(statistics.median(numbers), min(numbers), max(numbers)) if numbers else None


def take_turns(contestants, repeats):
    """{name: function() -> number or None} -> {name: [numbers]}, a round at a time; who cannot is not asked again."""
    out = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, f in contestants.items():
            if None not in out[name]:
                out[name].append(f())
    return out


def compare(run, table, work, unit, convert, tarn, peers, goals=(), higher=False, repeats=None):
    """tarn and each of peers: (program or None, request). convert: seconds -> the unit."""
    asks = {"tarn": tarn, **peers}
    asks = {n: (lambda p=p, r=r: p.ask(r)) for n, (p, r) in asks.items() if p}
    out = {n: values([v if v is None else convert(v) for v in numbers])
           for n, numbers in take_turns(asks, repeats or run.options.repeats).items()}
    for name in [n for n, v in out.items() if not v]:
        if name != "tarn":
            run.missing[name] = "not here, or it failed"
    row = Row(table, work, unit, out["tarn"], {n: v for n, v in out.items() if v and n != "tarn"}, goals, higher)
    run.rows.append(row)
    progress(row)
    return row


def progress(row):
    peers = ", ".join(f"{n} {v.median:.4g}" for n, v in row.peers.items())
    print(f"  {row.work}: {row.tarn.median:.4g} {row.unit}" if row.tarn else f"  {row.work}: failed",
          f"({peers})" if peers else "", file=sys.stderr, flush=True)


def single(run, table, work, unit, value, goals=(), higher=False):
    run.rows.append(Row(table, work, unit, Values(value, value, value), goals=goals, higher=higher))


# ---- gemm ----------------------------------------------------------------------------------------------------------

SQUARES = [16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]
OTHERS = [(64, 128, 784), (128, 512, 128), (32, 2, 64), (256, 10, 128), (1024, 1024, 64), (64, 30000, 128)]
FMA_FLOPS, TRIAD_BYTES = 24 * 2**24, 12 * 10**7


def fma_rate(run, threads):
    """GFLOP/s of this moment; the most of many is the peak."""
    return threads * FMA_FLOPS / run.tarn("machine", threads, 0.02).ask("fma") * 1e-9


def thread_counts(run):
    """Processor time says nothing about two threads."""
    return (1, 2) if len(os.sched_getaffinity(0)) > 1 and not run.options.cpu else (1,)


def gemm(run):
    for threads in thread_counts(run):
        table = f"gemm, {threads} thread{'s' * (threads > 1)}"
        p = run.tarn("gemm", threads, 0.01)
        rows, rates = [], []
        for shape in [(n, n, n) for n in SQUARES] + OTHERS:
            for trans in ("NN", "NT", "TN"):
                size = f"{trans} {shape[0]} {shape[1]} {shape[2]}"
                flops = 2e-9 * shape[0] * shape[1] * shape[2]
                rows.append(compare(run, table, size, "GFLOP/s", lambda s: flops / s, (p, "tarn " + size),
                                    {n: (p, f"{n} {size}") for n in ("openblas", "blis", "onednn")},
                                    [("x", 0.85)], higher=True))
                rates.append(fma_rate(run, threads))
        gemm_summary(run, table, rows, max(rates))


def gemm_summary(run, table, rows, peak):
    ratios = [r.ratio() for r in rows if r.ratio()]
    if ratios:
        mean = statistics.geometric_mean(ratios)
        single(run, table, "geometric mean against the best", "×", mean, [(">=", 1.0)], True)
        single(run, table, "least against the best", "×", min(ratios), [(">=", 0.85)], True)
    single(run, table, "FMA peak", "GFLOP/s", peak)
    for row in rows:
        trans, *shape = row.work.split()
        if len(set(shape)) == 1 and int(shape[0]) >= 384 and row.tarn:
            single(run, table, f"{row.work} of the FMA peak", "%", 100 * row.tarn.median / peak,
                   [(">=", 90 if int(shape[0]) >= 768 else 85)], True)


# ---- ops, models ---------------------------------------------------------------------------------------------------

def overhead(run):
    p, torch = run.tarn("tape"), run.torch()
    compare(run, "overhead", "one-element op, forward and backward, chain of 1,000", "ns/op", lambda s: s * 1e6,
            (p, "chain 1000"), {"PyTorch": (torch, "chain 1000")}, [("<=", 60)])
    compare(run, "overhead", "the same, forward only (TN_EVAL)", "ns/op", lambda s: s * 1e6, (p, "chain_eval 1000"),
            {})
    compare(run, "overhead", "XOR net 2-8-1 tanh, batch 1, forward and backward", "µs", lambda s: s * 1e6, (p, "xor"),
            {"PyTorch": (torch, "xor")}, [("<=", 0.6)])


def mlp(run):
    p, ms = run.tarn("mlp"), lambda s: s * 1e3
    compare(run, "mlp", "MLP 784-128-10, batch 64, SGD step", "ms", ms, (p, "step 64"),
            {"PyTorch": (run.torch(keep_pages=True), "step 64"),
             "PyTorch foreach": (run.torch(keep_pages=True, seconds=.11), "step 64 1"),
             "PyTorch BLIS": (run.torch(blas="blis", keep_pages=True), "step 64 1")}, [("x", 2)])
    compare(run, "mlp", "the same, against C by hand on OpenBLAS (as KANN's best)", "ms", ms, (p, "step 64"),
            {"hand": (run.tarn("mlp", 1, 0.11), "hand 64")}, [("x", 1.15)])


def gpt(run):
    for threads in thread_counts(run):
        row = compare(run, "gpt", f"GPT step, AdamW, {threads} thread{'s' * (threads > 1)}", "ms", lambda s: s * 1e3,
                      (run.tarn("gpt", threads), "step"),
                      {"PyTorch as it comes": (run.torch(threads), "gpt 1"),
                       "PyTorch keeps pages": (run.torch(threads, keep_pages=True), "gpt 1"),
                       "PyTorch keeps, BLIS": (run.torch(threads, "blis", True), "gpt 1")}, [("x", 1.5)])
        run.close()
    for part in ("forward", "backward"):
        compare(run, "gpt", f"forward{' and backward' * (part == 'backward')} only", "ms", lambda s: s * 1e3,
                (run.tarn("gpt"), part), {})
    gpt_memory(run)


def gpt_memory(run):
    """PyTorch's above its own import, tarn's all."""
    p, torch = run.tarn("gpt", 1, 0.12), run.torch(seconds=0.12)
    before = torch and torch.ask("rss")
    peers = {}
    if before and torch.ask("gpt 1"):
        peers["PyTorch as it comes"] = values([(torch.ask("rss") - before) * 1e-6])
    p.ask("step")
    own = values([p.ask("rss") * 1e-6])
    run.rows.append(Row("gpt", "peak memory (PyTorch's above its import)", "MB", own, peers, [("x", 1)]))


# bytes an element: arrays read and written, forward and backward
WIDE = {"gelu": 20, "softmax": 20, "layer_norm": 20, "exp": 20, "add": 24}


def wide(run):
    machine, n = run.tarn("machine", 1, 0.1), 10_000_000
    bandwidth = values([TRIAD_BYTES / machine.ask("triad") * 1e-9 for _ in range(run.options.repeats)])
    work = "memory: two arrays read, one written (large pages, past the caches)"
    run.rows.append(Row("wide", work, "GB/s", bandwidth, higher=True))
    for op, bytes_ in WIDE.items():
        exact = 10_000_000 // 768 * 768 if op == "layer_norm" else n
        goals = [("x", 1.5)] if bytes_ == 20 and op != "exp" else []
        compare(run, "wide", op, "ns/element", lambda s: s / exact * 1e9, (run.tarn("wide"), op),
                {"PyTorch": (run.torch(), op), "PyTorch keeps pages": (run.torch(keep_pages=True), op)}, goals)
        if op in ("exp", "add"):
            of_memory(run, op, bytes_)


def of_memory(run, op, bytes_):
    """Its traffic beside the triad's, in turns."""
    wide_, machine = run.tarn("wide"), run.tarn("machine")
    out = take_turns({"op": lambda: wide_.ask(op), "triad": lambda: machine.ask("triad")}, run.options.repeats)
    if None in out["op"]:
        return
    of = values([100 * bytes_ * 1e7 / a / (TRIAD_BYTES / b) for a, b in zip(out["op"], out["triad"])])
    work = f"{op}: {bytes_} bytes an element, of what memory allows"
    run.rows.append(Row("wide", work, "%", of, {}, [(">=", 80)], True))


def embedding(run):
    p, torch = run.tarn("embedding"), run.torch(keep_pages=True)
    touched = {}
    for rule in ("sgd", "adagrad", "sparse_adam"):
        for rows in (1_000_000, 10_000):
            request = f"{rule} {rows} 256 1000000"
            touched[rows] = compare(run, "embedding", f"{rule}, {rows:,} x 64, 256 bags x 64, step", "ms",
                                    lambda s: s * 1e3, (p, request), {"PyTorch sparse": (torch, request)},
                                    [("x", 4)] if rows > 10_000 else [])
        if touched[10_000].tarn and touched[1_000_000].tarn:
            single(run, "embedding", f"{rule}: the large table's step, in steps of the small one's", "×",
                   touched[1_000_000].tarn.median / touched[10_000].tarn.median, [("<=", 2)])
    growth_rows(run, "embedding")


# ---- classify ------------------------------------------------------------------------------------------------------

Child = collections.namedtuple("Child", "seconds cpu rss")


def child(argv, stdin=os.devnull, stdout=os.devnull, cpus=1):
    """Runs to the end; on cpus processors."""
    program, allowed = shutil.which(argv[0]) or argv[0], os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[-cpus:])
    actions = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
               (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    try:
        begin = time.perf_counter()
        process = os.posix_spawn(program, argv, os.environ, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        seconds = time.perf_counter() - begin
    finally:
        os.sched_setaffinity(0, allowed)
    if status:
        said = subprocess.run(argv, stdin=open(stdin), capture_output=True, text=True, errors="replace").stderr[-300:]
        raise RuntimeError(f"{' '.join(argv)}: status {status}: {said.strip()}")
    return Child(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


WORD = re.compile(rb"[a-z0-9\x80-\xff]+")


class Text:
    """A data set as both read it: __label__x, and tokens between spaces. A line at a time: a child's peak memory is
    never less than this process had."""

    def __init__(self, name, directory, characters, folder):
        self.name, self.train, self.test = name, f"{folder}/{name}.train", f"{folder}/{name}.test"
        self.tokens, self.texts = 0, []
        for part, path in (("train", self.train), ("test", self.test)):
            with open(f"{directory}/{part}.tsv", "rb") as f, open(path, "wb") as to:
                for line in f:
                    label, tokens = self.prepare(line, characters)
                    to.write(b"__label__" + label + b" " + b" ".join(tokens) + b"\n")
                    if part == "train":
                        self.tokens += len(tokens)
                    else:
                        self.texts.append(b" ".join(tokens) + b"\n")

    @staticmethod
    def prepare(line, characters):
        label, _, text = line.rstrip(b"\n").partition(b"\t")
        if characters:
            text = text.decode("utf-8", "replace").lower()
            return label, [c.encode() for c in text if not c.isspace() and c not in string.punctuation]
        return label, WORD.findall(text.lower())


def data_sets(run, folder):
    """davidson and cold, or the bundled texts in place of both."""
    shared = os.environ.get("BENCH_DATA", os.path.join(ROOT, "..", "shared", "data"))
    if os.path.isdir(os.path.join(shared, "davidson")):
        return Text("davidson", f"{shared}/davidson", False, folder), Text("cold", f"{shared}/cold", True, folder)
    bundled = os.path.join(ROOT, "examples", "data")
    if not os.path.exists(f"{bundled}/train.tsv"):
        run.missing["text to classify"] = "examples/data"
        return None
    repeated = os.path.join(folder, "repeated")
    os.makedirs(repeated)
    for part in ("train", "test"):
        with open(f"{bundled}/{part}.tsv", "rb") as f, open(f"{repeated}/{part}.tsv", "wb") as to:
            to.write(f.read() * 15)
    run.notes.append("classify: davidson and cold are not here: the bundled texts, 15 times over, stand for both")
    return Text("davidson", repeated, False, folder), Text("cold", repeated, True, folder)


class Classifiers:
    """The commands: examples/classify and fastText, the same work for both. usual: as examples/classify comes, with
    pieces of words of 3 to 5 letters, and with the maximum of a text's rows beside their mean, which fastText has not;
    else words and their mean, with rare classes counting as much, which is better for them, and labels as they are."""

    def __init__(self, run, folder):
        self.run, self.folder = run, folder
        self.classify = os.environ.get("CLASSIFY") or os.path.join(ROOT, "examples", "classify")
        self.fasttext = shutil.which("fasttext")
        if not self.fasttext:
            run.missing["fastText"] = "fasttext"

    def tarn_train(self, text, model, dim, ngrams, epochs, cpus=1, usual=False):
        argv = [self.classify, "train", "--quiet", "--format", "fasttext", "--model",
                f"{self.folder}/{model}.safetensors", "--tokenizer", "mixed" if text.name == "cold" else "word",
                "--dim", str(dim), "--ngrams", str(ngrams),
                "--buckets", "200000", "--epochs", str(epochs)]
        plain = ["--subwords", "0", "--pooling", "mean", "--class-weights", "balanced", "--label-smoothing", "0"]
        argv += [] if usual else plain
        return child(argv + [text.train], cpus=cpus)

    def fasttext_train(self, text, model, dim, ngrams, epochs, cpus=1, usual=False):
        return child([self.fasttext, "supervised", "-input", text.train, "-output", f"{self.folder}/{model}",
                      "-loss", "softmax", "-dim", str(dim), "-wordNgrams", str(ngrams), "-bucket", "200000",
                      "-epoch", str(epochs), "-lr", "0.5", "-thread", str(cpus),
                      *(["-minn", "3", "-maxn", "5"] if usual else [])], cpus=cpus)

    def trainers(self):
        return {"tarn": self.tarn_train, **({"fastText": self.fasttext_train} if self.fasttext else {})}

    def tarn_predict(self, model, path):
        return child([self.classify, "predict", "--model", f"{self.folder}/{model}.safetensors", path])

    def fasttext_predict(self, model, path):
        return child([self.fasttext, "predict", f"{self.folder}/{model}.bin", path])

    def predictors(self):
        return {"tarn": self.tarn_predict, **({"fastText": self.fasttext_predict} if self.fasttext else {})}


def rows_of(run, work, unit, numbers, goals, higher, aside=()):
    """{contestant: numbers} -> a row."""
    v = {n: values(x) for n, x in numbers.items()}
    row = Row("classify", work, unit, v.pop("tarn"), v, goals, higher, aside)
    run.rows.append(row)
    progress(row)


def training_rate(run, c, text, dim, ngrams, goals, cpus=1, usual=False):
    """Words a second, by the slope of the time over the epochs: reading and writing cancel, and fastText's main
    thread, which looks up every 100 ms, matters less."""
    few = 2
    many = {"tarn": 22, "fastText": 11} if dim < 64 and ngrams == 1 else {"tarn": 12, "fastText": 7}

    def rate(name, train):
        long, short = (train(text, "rate", dim, ngrams, n, cpus, usual).seconds for n in (many[name], few))
        return text.tokens * (many[name] - few) / max(long - short, 1e-9) * 1e-6
    contestants = {n: (lambda n=n, t=t: rate(n, t)) for n, t in c.trainers().items()}
    torch = run.torch(keep_pages=True) if ngrams == 1 else None
    if torch:
        contestants["PyTorch, batch 256"] = lambda: text.tokens / torch.ask(f"bag {text.train} {dim}") * 1e-6
    numbers = take_turns(contestants, run.options.repeats)
    kind = ("characters" if text.name == "cold" else "words") + (", bigrams" if ngrams > 1 else "")
    kind += ", pieces, mean and maximum" if usual else ""
    rows_of(run, f"training, {text.name} {kind}, dim {dim}", "M tokens/s", numbers, goals, True,
            ["PyTorch, batch 256"])  # whose F1 is less
    if cpus == 1:
        f1_row(run, c, text, dim, ngrams, torch, usual)


def f1_row(run, c, text, dim, ngrams, torch, usual):
    f1 = {"tarn": tarn_f1, "fastText": fasttext_f1}
    numbers = {}
    for name, train in c.trainers().items():
        train(text, "f1", dim, ngrams, 5, usual=usual)
        numbers[name] = [f1[name](c, text, "f1")]
    if torch:
        numbers["PyTorch, batch 256"] = [torch.ask(f"bag_f1 {text.train} {text.test} {dim} 5")]
    rows_of(run, "  its macro-F1 on the test set, after 5 epochs", "", numbers, [("x", 1)], True,
            ["PyTorch, batch 256"])


def whole_command(run, c, text):
    runs = {n: (lambda t=t: t(text, "whole", 16, 1, 5)) for n, t in c.trainers().items()}
    numbers = take_turns(runs, run.options.repeats)
    pick = lambda field, scale: {n: [getattr(x, field) * scale for x in v] for n, v in numbers.items()}
    rows_of(run, "the whole command: read, train 5 epochs, write (dim 16)", "s", pick("seconds", 1), [("<=", 0.25)],
            False)
    rows_of(run, "its peak memory (25 MB at least: the driver's)", "MB", pick("rss", 1e-6), [("<=", 40)], False)
    f1 = {"tarn": [tarn_f1(c, text, "whole")]}
    if c.fasttext:
        f1["fastText"] = [fasttext_f1(c, text, "whole")]
    rows_of(run, "its macro-F1 on the test set", "", f1, [("x", 1)], True)


def tarn_f1(c, text, model):
    out = subprocess.run([c.classify, "eval", "--json", "--format", "fasttext", "--model",
                          f"{c.folder}/{model}.safetensors", text.test], capture_output=True, check=True).stdout
    return json.loads(out)["macro_f1"]


def fasttext_f1(c, text, model):
    said = subprocess.run([c.fasttext, "predict", f"{c.folder}/{model}.bin", text.test], capture_output=True,
                          check=True).stdout.split()
    true = [line.split(b" ", 1)[0].strip() for line in open(text.test, "rb")]
    scores = []
    for label in sorted(set(true)):
        hits = sum(a == b == label for a, b in zip(true, said))
        scores.append(2 * hits / max(1, sum(a == label for a in true) + sum(b == label for b in said)))
    return statistics.mean(scores)


def prediction(run, c, text, ngrams, rate_goal, cold_goal):
    for train in c.trainers().values():
        train(text, "predict", 16, ngrams, 5)
    paths = {n: f"{c.folder}/lines.{n}" for n in (1, 0, 20)}
    for n, path in paths.items():
        with open(path, "wb") as f:
            f.writelines(text.texts * n if n else text.texts[:1])
    lines, predictors = len(text.texts), c.predictors()

    def rate(predict):
        return 19 * lines / (predict("predict", paths[20]).seconds - predict("predict", paths[1]).seconds)
    kind = "bigrams in 200,000 buckets" if ngrams > 1 else "unigrams"
    rows_of(run, f"predict, {text.name}, {kind}, dim 16", "lines/s",
            take_turns({n: (lambda p=p: rate(p)) for n, p in predictors.items()}, run.options.repeats),
            [(">=", rate_goal)], True)
    rows_of(run, f"cold start, one line, {kind}", "ms",
            take_turns({n: (lambda p=p: p("predict", paths[0]).seconds * 1e3) for n, p in predictors.items()}, 15),
            [("<=", cold_goal)], False)


def classify(run):
    with work_folder() as folder:
        c = Classifiers(run, folder)
        sets = data_sets(run, folder)
        if not sets:
            return
        davidson, cold = sets
        nothing = values([child(["true"]).seconds * 1e3 for _ in range(15)])
        run.rows.append(Row("classify", "starting and ending a process that does nothing", "ms", nothing))
        whole_command(run, c, davidson)
        prediction(run, c, davidson, 1, 1e6, 2)
        prediction(run, c, davidson, 2, 4e5, 10)
        for text, dim, ngrams in ((davidson, 16, 1), (davidson, 64, 1), (davidson, 100, 1), (cold, 16, 1),
                                  (cold, 100, 1), (davidson, 16, 2), (davidson, 100, 2)):
            training_rate(run, c, text, dim, ngrams, [("x", 4)])
        training_rate(run, c, davidson, 64, 2, [("x", 4)], usual=True)


def work_folder():
    """In memory where it can be."""
    return tempfile.TemporaryDirectory(prefix="tarn-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


# ---- threads and growth --------------------------------------------------------------------------------------------

def speedup(run, work, request, program, goals, seconds=0.1):
    one, two = run.tarn(program, 1, seconds), run.tarn(program, 2, seconds)
    if program == "gemm":  # the op, on one thread too
        request = "tarn " + request
    out = take_turns({1: lambda: one.ask(request), 2: lambda: two.ask(request)}, run.options.repeats)
    if None in out[1] or None in out[2]:
        return
    ratios = [a / b for a, b in zip(out[1], out[2])]
    row = Row("threads", f"{work}: two threads against one", "×", values(ratios), {}, goals, True)
    run.rows.append(row)
    progress(row)


def threads(run):
    if 2 not in thread_counts(run):
        run.notes.append("threads: one processor only, or its time: skipped")
        return
    for n in (256, 512, 1024):
        speedup(run, f"gemm {n}", f"NN {n} {n} {n}", "gemm", [(">=", 1.7)])
    speedup(run, "GPT step", "step", "gpt", [(">=", 1.7)])
    speedup(run, "MLP step, batch 64", "step 64", "mlp", [(">=", 1.3)])
    triads = {n: (lambda n=n: run.tarn("machine", n).ask("triad")) for n in (1, 2)}
    bandwidth = take_turns(triads, run.options.repeats)
    most = statistics.median(bandwidth[1]) / statistics.median(bandwidth[2])
    single(run, "threads", "memory bandwidth: two threads against one", "×", most, higher=True)
    for op in WIDE:
        speedup(run, op, op, "wide", [(">=", 0.8 * most)] if op in ("exp", "add") else [])
    run.close()
    with work_folder() as folder:
        c, sets = Classifiers(run, folder), data_sets(run, folder)
        for dim, goal in ((16, 1.0), (64, 1.3)) if sets else ():
            trains = {n: (lambda n=n: c.tarn_train(sets[0], "threads", dim, 1, 20, n).seconds) for n in (1, 2)}
            times = take_turns(trains, run.options.repeats)
            run.rows.append(Row("threads", f"classifier training, dim {dim}: two threads against one", "×",
                                values([a / b for a, b in zip(times[1], times[2])]), {}, [(">=", goal)], True))


def grows(run, table, work, unit, sizes, measure):
    """A cost per unit at each size; a straight line is a cost that does not grow (beyond a half: caches end)."""
    least = math.inf
    for size in sizes:
        v = measure(size)
        if not v:
            continue
        row = Row(table, f"{work} {size:,}", unit, v, {}, [("<=", 1.5 * least)] if least < math.inf else [])
        run.rows.append(row)
        progress(row)
        least = min(least, v.median)


def asked(run, program, request, convert):
    p = run.tarn(program)
    return values([v if v is None else convert(v) for v in (p.ask(request) for _ in range(run.options.repeats))])


def growth_rows(run, table):
    """A process for each size: its peak memory is the table, and what a step needs."""
    for rows in (10**3, 10**4, 10**5, 10**6, 10**7):
        run.close()
        v = asked(run, "embedding", f"sgd {rows} 16 1000000", lambda s: s * 1e6)
        run.rows.append(Row(table, f"sgd, 16 bags x 64 on {rows:,} rows, the same rows touched", "µs/step", v))
        single(run, table, f"  its peak memory beyond the table's {rows * 256e-6:,.1f} MB", "MB",
               run.tarn("embedding").ask("rss") * 1e-6 - rows * 256e-6)
        progress(run.rows[-2])
    run.close()


def growth(run):
    grows(run, "growth", "MLP step per example, batch", "µs", (1, 4, 16, 64, 256, 1024, 4096),
          lambda n: asked(run, "mlp", f"step {n}", lambda s: s / n * 1e6))
    grows(run, "growth", "chain, forward and backward per op, ops", "ns", (10**2, 10**3, 10**4, 10**5, 10**6),
          lambda n: asked(run, "tape", f"chain {n}", lambda s: s / n * 1e9))
    if not any(r.table == "embedding" for r in run.rows):
        growth_rows(run, "growth")
    with work_folder() as folder:
        sets = data_sets(run, folder)
        if sets:
            growth_lines(run, Classifiers(run, folder), sets[0])


def growth_lines(run, c, text):
    c.tarn_train(text, "grow", 16, 1, 5)
    with open(text.train, "rb") as f:
        lines = f.readlines()
    stopped = {"train": False, "predict": False}

    def write(n):
        with open(text.train, "wb") as f:
            for begin in range(0, n, len(lines)):
                f.writelines(lines[:n - begin])

    def once(what):
        return c.tarn_train(text, "grown", 16, 1, 1) if what == "train" else c.tarn_predict("grow", text.train)

    def cost(what, n):
        if stopped[what]:
            return None
        out = [once(what)]
        while len(out) < run.options.repeats and out[0].seconds < 1:
            out.append(once(what))
        stopped[what] = out[0].seconds > 6  # the next size would take ten times as long
        if stopped[what] and n < 10**7:
            run.notes.append(f"growth: {what} stops at {n:,} lines, which took {out[0].seconds:.1f} s")
        single(run, "growth", f"  {what} on {n:,} lines: peak memory", "MB", max(x.rss for x in out) * 1e-6)
        return values([x.seconds / n * 1e6 for x in out])
    for n in (10**4, 10**5, 10**6, 10**7):
        write(n)
        for what in ("train", "predict"):
            v = cost(what, n)
            if v:
                epoch = "one epoch, " * (what == "train")
                run.rows.append(Row("growth", f"classify {what}, {epoch}whole command, {n:,} lines", "µs/line", v))
                progress(run.rows[-1])


# ---- tables --------------------------------------------------------------------------------------------------------

def number(v):
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}" if abs(v) < 100 else f"{v:.0f}"


def cells(row, peers):
    t, reached = row.tarn, row.reached()
    spread = f"{number(t.least)}..{number(t.greatest)}" if t and t.least != t.greatest else ""
    return [row.work, row.unit, number(t.median) if t else "failed", spread,
            *(number(row.peers[p].median) if p in row.peers else "" for p in peers),
            f"{row.ratio():.2f}" if row.ratio() else "", row.goal(), {None: "", True: "yes", False: "NO"}[reached]]


def table_text(name, rows):
    peers = list(dict.fromkeys(p for r in rows for p in r.peers))
    lines = [[name, "unit", "tarn", "spread", *peers, "ratio", "goal", "reached"]] + [cells(r, peers) for r in rows]
    lines = [[c for i, c in enumerate(line) if any(l[i] for l in lines[1:])] for line in lines]
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, width)) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join("-" * (w + 2) for w in width) + "|"] + text[1:])


def machine_facts():
    models = (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    model = next(models, platform.machine())
    return dict(processor=model, processors=len(os.sched_getaffinity(0)), system=platform.platform(),
                date=time.strftime("%Y-%m-%d %H:%M"), isa=os.environ.get("TARN_ISA", "the best that there is"))


def machine_busy():
    """Seconds of processor time that everybody has used."""
    with open("/proc/stat") as f:
        fields = f.readline().split()
    return sum(int(fields[i]) for i in (1, 2, 3, 6, 7)) / os.sysconf("SC_CLK_TCK")


def own_busy():
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in both)


def run_part(run, name):
    begin, busy, own = time.perf_counter(), machine_busy(), own_busy()
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        PARTS[name](run)
    except (RuntimeError, OSError, subprocess.SubprocessError, TypeError) as e:
        run.notes.append(f"{name}: broken off: {e}")
    run.close()
    seconds = time.perf_counter() - begin
    others = machine_busy() - busy - (own_busy() - own)
    run.notes.append(f"{name}: {seconds:.0f} s; others used {max(0, others):.1f} s of processor time meanwhile")


def as_json(run):
    rows = [dict(table=r.table, work=r.work, unit=r.unit, tarn=r.tarn and r.tarn._asdict(), ratio=r.ratio(),
                 goal=r.goal(), reached=r.reached(), peers={n: v._asdict() for n, v in r.peers.items()})
            for r in run.rows]
    return dict(machine=machine_facts(), repeats=run.options.repeats, rows=rows, missing=run.missing, notes=run.notes)


PARTS = dict(gemm=gemm, overhead=overhead, mlp=mlp, gpt=gpt, wide=wide, embedding=embedding, classify=classify,
             threads=threads, growth=growth)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    options = parser.parse_args()
    unknown = [p for p in options.parts if p not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]}: there are {', '.join(PARTS)}")
    if options.cpu:
        os.environ["BENCH_CLOCK"] = "cpu"
    run = Run(options)
    choose_settings(run)
    for name in options.parts or PARTS:
        run_part(run, name)
    for table in dict.fromkeys(r.table for r in run.rows):
        rows = [r for r in run.rows if r.table == table]
        print("\n" + table_text(table, rows) + "\n")
        for reason in why(table, [r.work for r in rows if r.reached() is False]):
            print(f"- {reason}")
    print("\n" + ", ".join(str(v) for v in machine_facts().values()))
    for name, how in run.missing.items():
        print(f"missing: {name} ({how}): tests/bench/setup.sh installs the peers")
    print("\n".join(run.notes))
    with open(os.path.join(options.build, "bench.json"), "w") as f:
        json.dump(as_json(run), f, indent=1, ensure_ascii=False)


main()
