"""PyTorch beside tarn: serves the same requests as the C programs (see bench.h).

usage: torch_peer.py THREADS SECONDS [REQUEST...]   requests also on stdin, one a line
"""
import os
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

now = time.process_time if os.environ.get("BENCH_CLOCK") else time.perf_counter


# ---- tape ----------------------------------------------------------------------------------------------------------

def chain(ops):
    g = torch.tensor([1.0], requires_grad=True)
    plus, times = torch.tensor([2.0]), torch.tensor([1.0001])

    def run():
        g.grad = None
        y = g
        for _ in range(int(ops) // 2):
            y = (y + plus) * times
        y.backward()
    return run


def xor():
    m = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    params = list(m.parameters())
    x, y = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0]])

    def run():
        for p in params:
            p.grad = None
        F.binary_cross_entropy_with_logits(m(x), y).backward()
    return run


# ---- models --------------------------------------------------------------------------------------------------------

def step(batch, foreach="0"):
    batch = int(batch)
    m = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = torch.rand(batch, 784), torch.randint(0, 10, (batch,))
    o = torch.optim.SGD(m.parameters(), lr=0.01, foreach=foreach == "1")

    def run():
        o.zero_grad(set_to_none=True)
        F.cross_entropy(m(x), y).backward()
        o.step()
    return run


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, mask):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = torch.softmax((q @ k.transpose(-2, -1)) * (d // self.heads) ** -0.5 + mask, -1)
        x = x + self.out((a @ v).transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, vocabulary=256, d=128, heads=4, layers=4, length=128):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary, bias=False)
        self.register_buffer("mask", torch.full((length, length), float("-inf")).triu(1))

    def forward(self, x):
        h = self.tokens(x) + self.positions.weight
        for b in self.blocks:
            h = b(h, self.mask)
        return self.head(self.norm(h))


def gpt(foreach="0"):
    m = GPT()
    x, y = torch.randint(0, 256, (8, 128)), torch.randint(0, 256, (8, 128))
    o = torch.optim.AdamW(m.parameters(), lr=1e-3, foreach=foreach == "1")

    def run():
        o.zero_grad(set_to_none=True)
        F.cross_entropy(m(x).view(-1, 256), y.view(-1)).backward()
        o.step()
    return run


# ---- ten million floats --------------------------------------------------------------------------------------------

N = 10_000_000


def forward_backward(f, *leaves):
    leaves = [x.requires_grad_() for x in leaves]
    g = torch.ones_like(f(*leaves))

    def run():
        for x in leaves:
            x.grad = None
        f(*leaves).backward(g)
    return run


def gelu():
    return forward_backward(F.gelu, torch.randn(N))


def softmax():
    return forward_backward(lambda x: torch.softmax(x, -1), torch.randn(N // 1000, 1000))


def layer_norm():
    return forward_backward(lambda x, w, b: F.layer_norm(x, (768,), w, b), torch.randn(N // 768, 768),
                            torch.ones(768), torch.zeros(768))


def exp():
    return forward_backward(torch.exp, torch.randn(N))


def add():
    return forward_backward(torch.add, torch.randn(N), torch.randn(N))


# ---- embedding -----------------------------------------------------------------------------------------------------

RULES = {"sgd": lambda w: torch.optim.SGD([w], lr=0.1), "adagrad": lambda w: torch.optim.Adagrad([w], lr=1e-2),
         "sparse_adam": lambda w: torch.optim.SparseAdam([w], lr=1e-3)}


def squeeze(ids, rows, rng):
    distinct, place = np.unique(ids, return_inverse=True)
    return rng.permutation(rows)[:len(distinct)][place]


def lookup(rule, rows, bags, drawn):
    rows, bags, drawn = int(rows), int(bags), int(drawn)
    rng = np.random.default_rng(1)
    sums = np.cumsum(1.0 / np.arange(1, drawn + 1))
    place, ids = rng.permutation(drawn), []
    for _ in range(8):
        drawn_ids = place[np.minimum(np.searchsorted(sums / sums[-1], rng.random(bags * 64)), drawn - 1)]
        ids.append(torch.from_numpy(squeeze(drawn_ids, rows, rng) if rows < drawn else drawn_ids))
    offsets, g, turn = torch.arange(0, bags * 64, 64), torch.ones(bags, 64) / bags, [0]
    e = nn.EmbeddingBag(rows, 64, mode="mean", sparse=True, _weight=torch.full((rows, 64), 0.01))
    o = RULES[rule](e.weight)

    def run():
        turn[0] = (turn[0] + 1) % 8
        e.weight.grad = None
        e(ids[turn[0]], offsets).backward(g)
        o.step()
    for _ in range(8):
        run()
    return run


# ---- a classifier --------------------------------------------------------------------------------------------------

class Bags:
    """The texts of a fastText file, and a mean of word vectors with a linear layer."""

    def __init__(self, path, dim):
        rows = [line.split() for line in open(path, "rb")]
        self.words = {w: i for i, w in enumerate(dict.fromkeys(w for r in rows for w in r[1:]))}
        self.labels = {label: i for i, label in enumerate(sorted({r[0] for r in rows}))}
        self.batches = self.batches_of(rows)
        self.e = nn.EmbeddingBag(len(self.words), int(dim), mode="mean", sparse=True)
        self.out = nn.Linear(int(dim), len(self.labels))
        self.o = torch.optim.SGD([*self.e.parameters(), *self.out.parameters()], lr=20.0)

    def batches_of(self, rows):
        batches = []
        for begin in range(0, len(rows), 256):
            part = rows[begin:begin + 256]
            ids = [[self.words[w] for w in r[1:] if w in self.words] for r in part]
            starts = torch.tensor([0] + [len(i) for i in ids[:-1]]).cumsum(0)
            batches.append((torch.tensor([i for line in ids for i in line]), starts,
                            torch.tensor([self.labels[r[0]] for r in part])))
        return batches

    def train(self):
        for ids, offsets, y in self.batches:
            self.o.zero_grad(set_to_none=True)
            F.cross_entropy(self.out(self.e(ids, offsets)), y).backward()
            self.o.step()


def bag(path, dim):
    """One epoch of sparse SGD in batches of 256 that are made before."""
    return Bags(path, dim).train


def bag_f1(path, test, dim, epochs):
    """Macro-F1 after so many epochs in a new order each, the rate falling to 0."""
    model = Bags(path, dim)
    model.e.weight.data.uniform_(-1 / int(dim), 1 / int(dim))
    total = int(epochs) * len(model.batches)
    rate = torch.optim.lr_scheduler.LambdaLR(model.o, lambda step: 1 - step / total)
    rows = [line.split() for line in open(path, "rb")]
    for _ in range(int(epochs)):
        np.random.shuffle(rows)
        for batch in model.batches_of(rows):
            model.batches = [batch]
            model.train()
            rate.step()
    true = model.batches_of([line.split() for line in open(test, "rb")])
    said = torch.cat([model.out(model.e(ids, offsets)).argmax(1) for ids, offsets, _ in true])
    return macro_f1(torch.cat([y for _, _, y in true]), said)


def macro_f1(true, said):
    scores = [2 * ((true == c) & (said == c)).sum() / ((true == c).sum() + (said == c).sum()).clamp(min=1)
              for c in true.unique()]
    return float(sum(scores) / len(scores))


WORKS = dict(bag=bag, chain=chain, xor=xor, step=step, gpt=gpt, gelu=gelu, softmax=softmax, layer_norm=layer_norm,
             exp=exp, add=add)
WORKS.update({rule: (lambda rule: lambda *a: lookup(rule, *a))(rule) for rule in RULES})


# ---- requests ------------------------------------------------------------------------------------------------------

def spent(run, runs):
    begin = now()
    for _ in range(runs):
        run()
    return now() - begin


def calibrate(run, seconds):
    spent(run, 2)
    runs = 1
    while (t := spent(run, runs)) < seconds / 4:
        runs *= 8 if t < seconds / 40 else 2
    return int(runs * seconds / t) + 1


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    seconds, ready = float(sys.argv[2]), (None, None, None)
    requests = [r for r in sys.argv[3:] for _ in range(7)] or (line.rstrip("\n") for line in sys.stdin)
    for request in requests:
        if request == "rss":
            print(f"rss\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\tB", flush=True)
            continue
        if request.startswith("bag_f1 "):
            print(f"{request}\t{bag_f1(*request.split()[1:]):.9g}\tF1", flush=True)
            continue
        if request != ready[0]:
            ready = (None, None, None)  # gives the memory back first
            name, *arguments = request.split()
            run = WORKS[name](*arguments)
            ready = (request, run, calibrate(run, seconds))
        print(f"{request}\t{spent(ready[1], ready[2]) / ready[2]:.9g}\ts", flush=True)


main()
