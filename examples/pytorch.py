"""Models that travel between PyTorch and examples/classify.

    python3 examples/pytorch.py logits MODEL < LINES   the logits of each line, of a model that classify saved: as the net
                                                       gives them, before classify divides them by "tarn.temperature"
    python3 examples/pytorch.py train MODEL TSV        trains an EmbeddingBag and a Linear on label<TAB>text, and saves
                                                       them so that `classify predict --model MODEL` uses them

A model file is safetensors: the tensors are the state_dict, and what turns text into ids stands in its metadata. The
tokenizer below is that of examples/text, character by character.
"""
import collections
import json
import re
import struct
import sys

import numpy
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, rows, dim, hidden, classes, pooling="both"):
        super().__init__()
        self.words, self.pooling = nn.EmbeddingBag(rows, dim), pooling
        pooled = 2 * dim if pooling == "both" else dim
        self.hidden = nn.Linear(pooled, hidden) if hidden else None
        self.out = nn.Linear(hidden or pooled, classes)

    def forward(self, texts):
        n = torch.tensor([len(ids) for ids in texts])
        ids, offsets, rows = torch.tensor(sum(texts, []), dtype=torch.int64), n.cumsum(0) - n, self.words.weight
        mean = nn.functional.embedding_bag(ids, rows, offsets, mode="mean") * n.sqrt()[:, None]
        most = nn.functional.embedding_bag(ids, rows, offsets, mode="max")
        x = {"mean": mean, "max": most, "both": torch.cat([mean, most], 1)}[self.pooling]
        return self.out(self.hidden(x).relu() if self.hidden else x)


# ---- files ---------------------------------------------------------------------------------------------------------


def load(path):
    """A model and the metadata."""
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    meta, state = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[begin:end], {"F32": "<f4", "F64": "<f8"}[entry["dtype"]])
        state[name] = torch.from_numpy(values.astype("f4").reshape(entry["shape"]))
    hidden = len(state["hidden.bias"]) if "hidden.bias" in state else 0
    model = Classifier(*state["words.weight"].shape, hidden, len(state["out.bias"]), meta["tarn.pooling"])
    model.load_state_dict(state)
    return model, meta


def save(path, model, meta):
    header, data = {"__metadata__": meta}, b""
    for name, x in sorted(model.state_dict().items()):
        begin, data = len(data), data + x.numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


# ---- text as ids ---------------------------------------------------------------------------------------------------

# beyond ASCII, what is no letter: symbols, CJK, gaps, nothing (as examples/text/tokens.c has it)
RANGES = """
    0080-00A0g 00A1-00A9s 00AB-00ACs 00ADn 00AE-00B4s 00B6-00B9s 00BB-00BFs 00D7s 00F7s 1100-11FFc 1680g 2000-200Ag
    200B-200Fn 2010-2018s 2019n 201A-2027s 2028-2029g 202A-202En 202Fg 2030-205Es 205Fg 2060-206Fn 2070-2BFFs
    2E00-2E7Fs 2E80-2FFFc 3000g 3001-3004s 3005-3007c 3008-3020s 3021-3029c 302A-3030s 3031-3035c 3036-3037s
    3038-303Cc 303D-303Fs 3040-31FFc 3200-33FFs 3400-4DBFc 4DC0-4DFFs 4E00-A4CFc A960-A97Fc AC00-D7FFc E000-F8FFs
    F900-FAFFc FE00-FE0Fn FE10-FE1Fs FE30-FE6Fs FEFFn FF01-FF0Fs FF1A-FF20s FF3B-FF40s FF5B-FF65s FF66-FFDFc
    FFE0-FFFFs 16FE0-1B2FFc 1F000-1FAFFs 20000-3FFFFc E0000-E0FFFn F0000-10FFFFs
""".split()
MASK = 2**64 - 1


def kinds_of_characters():
    kinds = {}
    for item in RANGES:
        first, _, last = item[:-1].partition("-")
        kinds.update((code, item[-1]) for code in range(int(first, 16), int(last or first, 16) + 1))
    return kinds


KINDS = kinds_of_characters()


def fold(code):
    """Half-width and lower case, as a character."""
    if 0xFF01 <= code <= 0xFF5E:
        code -= 0xFEE0
    cased = code < 0x180 or 0x386 <= code <= 0x3AB or 0x400 <= code <= 0x4BF or 0x4D0 <= code <= 0x52F or 0x1E00 <= code <= 0x1EFF
    lower = chr(code).lower()
    if code == 0x3C2:
        return chr(0x3C3)
    return lower if cased and len(lower) == 1 and code != 0x1E9E else chr(code)


ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos|nbsp)|#([0-9]{1,7}));")
NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\xa0"}
ADDRESS, NAME = re.compile(r"https?://[!-~]*"), re.compile(r"@[0-9A-Za-z_]{4,}")


def character_at(text, i):
    """The character at i, where an HTML entity is one, and its length there."""
    entity = ENTITY.match(text, i)
    if entity and entity[1]:
        return NAMED[entity[1]], len(entity[0])
    code = int(entity[2]) if entity else 0
    return (chr(code), len(entity[0])) if 0 < code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else (text[i], 1)


def look(c, kind):
    """A character, folded, and what it is: l(etter), s(ymbol), c(jk), g(ap), n(othing)."""
    if ord(c) >= 0x80:
        return fold(ord(c)), KINDS.get(ord(c), "l")
    if kind == "char" and " " < c < "\x7f":
        return c.lower(), "s"
    return c.lower(), "l" if c.isalnum() else "n" if c == "'" else "g"


def address_at(text, i, run):
    """A web address at i, or a name behind an '@' there."""
    name = None if i and re.match("[0-9A-Za-z]", text[i - 1]) else NAME.match(text, i)
    return name or (None if run else ADDRESS.match(text, i))


def tokens(text, kind):
    found, gap, run, i = [], False, False, 0
    while i < len(text):
        address = None if kind == "char" else address_at(text, i, run)
        if address:
            found.append("@" if text[i] == "@" else "/")
            gap, run, i = False, False, address.end()
            continue
        c, length = character_at(text, i)
        i += length
        c, what = look(c, kind)
        if what == "n":
            continue
        joins = kind != "char" and (what == "l" or (what == "c" and kind == "word"))
        if what == "g":
            gap = True
        elif joins and run:
            found[-1] += c
        else:
            found += [" ", c] if kind == "char" and gap and found else [c]
        run = joins
        gap = gap and what == "g"
    return found


def mix(h, number):
    h = (h ^ number) * 0x9E3779B97F4A7C15 & MASK
    return h ^ h >> 29


def hash_of(text):
    raw = text.encode("utf-8", "surrogatepass")
    h, whole = len(raw), len(raw) // 8 * 8
    for i in range(0, whole, 8):
        h = mix(h, int.from_bytes(raw[i:i + 8], "little"))
    return mix(mix(h, int.from_bytes(raw[whole:], "little")), 0)


class Encoder:
    def __init__(self, meta):
        self.kind = meta["tarn.tokenizer"]
        self.ngrams, self.subwords, self.buckets = (int(meta["tarn." + key]) for key in ("ngrams", "subwords", "buckets"))
        self.words = {word: i for i, word in enumerate(meta["tarn.vocabulary"].split("\n")[:-1])}

    def bucket(self, h):
        h ^= h >> 32
        h = h * 0xD6E8FEB86659FD93 & MASK
        return len(self.words) + ((h >> 32) * self.buckets >> 32)

    def pieces(self, word):
        marked = "<" + word + ">"
        for i in range(len(marked) if len(word) > 1 else 0):
            for j in range(i + 3, min(i + self.subwords, len(marked)) + 1):
                if j - i < len(marked):
                    yield self.bucket(hash_of(marked[i:j]) + 1 & MASK)

    def encode(self, text):
        found = tokens(text, self.kind)
        ids = [self.words[token] for token in found if token in self.words]
        if self.subwords and self.kind != "char":
            ids += [id for token in found for id in self.pieces(token)]
        hashes = [hash_of(token) for token in found]
        for i, h in enumerate(hashes):
            for other in hashes[i + 1:i + self.ngrams]:
                h = h * 0x9E3779B97F4A7C15 + other & MASK
                ids.append(self.bucket(h))
        return ids


# ---- commands ------------------------------------------------------------------------------------------------------


def logits(path):
    model, meta = load(path)
    encoder = Encoder(meta)
    lines = sys.stdin.buffer.read().decode("utf-8", "replace").split("\n")[:-1]
    for row in model([encoder.encode(line) for line in lines]).tolist():
        print(*(f"{x:.9g}" for x in row))


def train(path, tsv):
    rows = [line.rstrip("\n").split("\t", 1) for line in open(tsv, encoding="utf-8", newline="\n")]
    labels = sorted({label for label, _ in rows})
    count = collections.Counter(token for _, text in rows for token in tokens(text, "mixed"))
    meta = {"tarn.classify": "2", "tarn.tokenizer": "mixed", "tarn.ngrams": "1", "tarn.subwords": "0", "tarn.buckets": "1",
            "tarn.pooling": "both",
            "tarn.labels": "".join(label + "\n" for label in labels),
            "tarn.vocabulary": "".join(word + "\n" for word, _ in count.most_common())}
    encoder = Encoder(meta)
    texts, answers = [encoder.encode(text) for _, text in rows], torch.tensor([labels.index(label) for label, _ in rows])
    torch.manual_seed(1)
    model = Classifier(len(count), 16, 0, len(labels))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(10):
        for batch in torch.randperm(len(texts)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model([texts[i] for i in batch]), answers[batch]).backward()
            optimizer.step()
    save(path, model, meta)


if __name__ == "__main__":
    if sys.argv[1:2] == ["logits"] and len(sys.argv) == 3:
        logits(sys.argv[2])
    elif sys.argv[1:2] == ["train"] and len(sys.argv) == 4:
        train(*sys.argv[2:])
    else:
        sys.exit(__doc__)
