"""Weights of all layers, and of examples/gpt, travel between tarn and PyTorch. For tests/check_travel.sh.

    python3 tests/golden/travel_torch.py TRAVEL GPT TEXT FOLDER
        TRAVEL: tests/golden/travel.c, built; GPT: examples/gpt; TEXT: what it learns; FOLDER: for files
"""
import os
import subprocess
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import safetensors_torch

torch.set_num_threads(1)
safetensors_torch.TORCH["I64"] = torch.int64
safetensors_torch.NAME[torch.int64] = "I64"
WORDS, DIM, BATCH, STEPS, LENGTHS = 10, 8, 3, 5, torch.tensor([5, 2, 4])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, DIM)
        self.places = nn.Embedding(STEPS, DIM)
        self.conv = nn.Conv1d(DIM, DIM, 3, padding=2, dilation=2, groups=2)
        self.norm = nn.BatchNorm1d(DIM)
        self.block = nn.TransformerEncoderLayer(DIM, 2, 2 * DIM, 0, "gelu", batch_first=True, norm_first=True)
        self.gru = nn.GRU(DIM, DIM, batch_first=True)
        self.lstm = nn.LSTM(DIM, DIM, batch_first=True)
        self.out = nn.Linear(DIM, WORDS, bias=False)
        self.out.weight = self.words.weight

    def recurrent(self, layer, x):
        packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=STEPS)[0]

    def forward(self, ids):
        x = self.words(ids) + self.places(torch.arange(STEPS))
        x = self.norm(self.conv(x.transpose(1, 2))).transpose(1, 2)
        behind = torch.arange(STEPS) >= LENGTHS[:, None]
        x = self.block(x, torch.ones(STEPS, STEPS).triu(1) > 0, behind)
        return self.out(self.recurrent(self.lstm, self.recurrent(self.gru, x)))


class GPT(nn.Module):
    def __init__(self, context, dim, heads, layers):
        super().__init__()
        self.words = nn.Embedding(256, dim)
        self.places = nn.Embedding(context, dim)
        layer = nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(dim))

    def forward(self, ids):
        n = ids.shape[1]
        x = self.encoder(self.words(ids) + self.places(torch.arange(n)), torch.ones(n, n).triu(1) > 0)
        return x @ self.words.weight.T

    def write_on(self, prompt, n):
        ids = list(prompt)
        for _ in range(n):
            ids.append(self(torch.tensor([ids[-len(self.places.weight):]]))[0, -1].argmax().item())
        return bytes(ids)


checks = failures = 0


def ok(what, right):
    global checks, failures
    checks += 1
    if not right:
        failures += 1
        print("travel:", what)


def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, check=True).stdout


def logits(*args):
    return torch.tensor([float(x) for x in run(*args).split()]).reshape(BATCH, STEPS, WORDS)


def same(ours, theirs):
    return (ours - theirs).abs().max() <= 1e-5 and ours.abs().max() > 0.1


def travel(program, path):
    ids = (torch.arange(BATCH * STEPS) * 7 % WORDS).reshape(BATCH, STEPS)
    ours = logits(program, "save", path)
    state, _ = safetensors_torch.read(path)
    model = Model()
    model.load_state_dict(dict(state, **{"out.weight": state["words.weight"]}))
    ok("PyTorch gives other logits with tarn's weights", same(ours, model.eval()(ids)))
    ok("the batches are not counted", model.norm.num_batches_tracked == 3 and model.norm.running_var.std() > 0)

    torch.manual_seed(1)
    model = Model()
    model.train()(ids)
    safetensors_torch.write(path, model.state_dict(), {})
    ok("PyTorch has no second name for the table, no integers", len(state) + 1 == len(model.state_dict()) and
       model.state_dict()["norm.num_batches_tracked"].dtype == torch.int64)
    ok("tarn gives other logits with PyTorch's weights", same(logits(program, "load", path), model.eval()(ids)))


def travel_gpt(program, text, path):
    sizes = (16, 32, 4, 2)
    options = sum(([name, str(n)] for name, n in zip(("--context", "--dim", "--heads", "--layers"), sizes)), [])
    run(program, "train", text, "--model", path, "--steps", "100", "--lr", "0.01", *options)
    state, metadata = safetensors_torch.read(path)
    ok("gpt's metadata say " + metadata["gpt"], metadata["gpt"] == "%d %d %d %d" % sizes)
    sample = [program, "sample", "The ", "--temperature", "0", "--bytes", "40", "--model", path]
    model = GPT(*sizes).eval()
    model.load_state_dict(state)
    ok("PyTorch writes on in another way with gpt's weights", run(*sample) == model.write_on(b"The ", 40) + b"\n")

    torch.manual_seed(1)
    model = GPT(*sizes).eval()
    for x in model.parameters():
        x += torch.randn_like(x) / 4
    model.encoder.norm.bias.zero_()
    ok("PyTorch's weights say little", len(set(model.write_on(b"The ", 40))) > 5)
    safetensors_torch.write(path, model.state_dict(), metadata)
    ok("gpt writes on in another way with PyTorch's weights", run(*sample) == model.write_on(b"The ", 40) + b"\n")
    tied = dict(model.state_dict(), **{"out.weight": model.words.weight.detach()})
    safetensors_torch.write(path, tied, metadata)
    ok("gpt does not read tied weights", run(*sample) == model.write_on(b"The ", 40) + b"\n")


if __name__ == "__main__":
    with torch.no_grad():
        travel(sys.argv[1], os.path.join(sys.argv[4], "layers"))
        travel_gpt(sys.argv[2], sys.argv[3], os.path.join(sys.argv[4], "gpt"))
    print("Checks: %d, Failures: %d, Errors: 0" % (checks, failures))
    sys.exit(failures != 0)
