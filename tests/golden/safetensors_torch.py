"""A model saved by tarn gives the same logits in PyTorch, and one saved from PyTorch the same in tarn.

    /usr/bin/python3 tests/golden/safetensors_torch.py            from the repository's root, after `make`
    /usr/bin/python3 tests/golden/safetensors_torch.py --write    also writes tests/golden/embedding_bag.safetensors,
                                                                  which tests/test_io.c loads

The reader and the writer below are all of the format that this needs: the safetensors package is not used.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TORCH = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
NAME = {dtype: name for name, dtype in TORCH.items()}
IDS, OFFSETS = [0, 3, 3, 6, 1, 2, 5, 4], [0, 2, 5, 5]


def read(path):
    """A file as (state_dict, metadata)."""
    raw = open(path, "rb").read()
    (size,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    metadata, state, end = header.pop("__metadata__", {}), {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        assert begin == end, name
        end = stop
        values = torch.frombuffer(bytearray(data[begin:stop]), dtype=TORCH[entry["dtype"]])
        state[name] = values.reshape(entry["shape"])
    assert end == len(data) and size % 8 == 0
    return state, metadata


def write(path, state, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, x in sorted(state.items(), key=lambda item: (-item[1].element_size(), item[0])):
        raw = x.contiguous().view(torch.int16).numpy() if x.dtype == torch.bfloat16 else x.contiguous().numpy()
        begin, data = len(data), data + raw.tobytes()
        header[name] = {"dtype": NAME[x.dtype], "shape": list(x.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


class Model(torch.nn.Module):
    def __init__(self, rows=7, dim=5, classes=3):
        super().__init__()
        self.words = torch.nn.EmbeddingBag(rows, dim, mode="mean")
        self.out = torch.nn.Linear(dim, classes)

    def forward(self, ids, offsets):
        return self.out(self.words(ids, offsets))


def logits(state, ids, offsets):
    """In float32, whatever the file's types are: that is what tarn's float build does."""
    model = Model()
    model.load_state_dict({name: x.float() for name, x in state.items()}, strict=True)
    return model(torch.tensor(ids), torch.tensor(offsets)).detach().flatten().tolist()


def numbers(text):
    return [float(word) for word in text.split()]


def check(what, a, b):
    worst = float(np.max(np.abs(np.array(a) - np.array(b))))
    assert len(a) == len(b) == 12 and worst <= 1e-5, (what, worst, a, b)
    print(f"{what}: 12 logits, largest difference {worst:.1e}")


def state_of(dtypes):
    torch.manual_seed(5)
    return {name: x.detach().to(dtypes[i % len(dtypes)]) for i, (name, x) in enumerate(Model().state_dict().items())}


def metadata_of(state):
    return {"format": "pt", "ids": " ".join(map(str, IDS)), "offsets": " ".join(map(str, OFFSETS)),
            "logits": " ".join(map(repr, logits(state, IDS, OFFSETS)))}


def both_ways(build, flags, folder):
    program, path = os.path.join(folder, build), os.path.join(folder, "model.safetensors")
    subprocess.run(["cc", "-std=c11", "-O2", *flags, "-I", f"{ROOT}/include", f"{HERE}/safetensors_torch.c",
                    f"{ROOT}/build/{build}.a", "-lm", "-lpthread", "-o", program], check=True)
    subprocess.run([program, "save", path], check=True)
    state, metadata = read(path)
    assert metadata["note"] == '"你好"\n\\tarn\\'
    ids, offsets = [[int(word) for word in metadata[key].split()] for key in ("ids", "offsets")]
    check(f"{build} -> PyTorch", numbers(metadata["logits"]), logits(state, ids, offsets))
    for dtypes in ([torch.float32], [torch.float64], [torch.float16], [torch.bfloat16], list(TORCH.values())):
        state = state_of(dtypes)
        write(path, state, metadata_of(state))
        out = subprocess.run([program, "load", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        check(f"PyTorch {'+'.join(NAME[d] for d in dtypes)} -> {build}", numbers(out), logits(state, IDS, OFFSETS))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        mixed = state_of([torch.float32, torch.float64, torch.bfloat16])
        write(os.path.join(HERE, "embedding_bag.safetensors"), mixed, metadata_of(mixed))
    with tempfile.TemporaryDirectory() as scratch:
        both_ways("libtarn", [], scratch)
        both_ways("libtarn64", ["-DTN_DOUBLE"], scratch)
