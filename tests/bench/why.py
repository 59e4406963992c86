"""Why a row of the benchmarks falls short, and what was tried: (table, work, reason), the first two as patterns, the
first that fits. The reasons are those of the machine in README.md: a Zen 5 with AVX-512, two processors of a virtual
machine that has neighbours."""
import re

REASONS = [
    ("gemm", "^.. 32 2 64|^.. (16|32) |256 10 128|least",
     "over in 50 ns to 1 µs, of which the check of the shapes, the choice of a kernel and the last, partly filled vectors "
     "are a share. Tried, and in: what is tiny is done at once, narrow products with the lanes down their rows "
     "((32, 2, 64): 21 to 50 GFLOP/s, 16: 74 to 96)."),
    ("gemm", "64 30000 128",
     "64 rows use each part of the large matrix once, so that it costs its memory traffic. Tried, and in: read in place, "
     "the next panel asked for ahead (137 to 160 GFLOP/s); cut by columns first for two threads (204 to 284)."),
    ("gemm", "geometric|FMA peak|.",
     "the kernel is within some per cent of what the fastest peer reaches, and the peak is that of a loop that loads "
     "nothing. Tried, and in: tiles of 16 x 1 or 12 x 2 vectors, a panel in the first cache, C fetched while the sums are "
     "made, A and B turned by whole vectors (0.80 to 0.98 of the best in the mean)."),
    ("mlp", ".",
     "its products are 70 to 80 % of the step, and OpenBLAS, told to use its AVX-512 kernels, makes them twice as fast as "
     "where the goal was set. Tried, and in: linear with its bias, the bias's gradient four rows at a time."),
    ("gpt", ".", "most of it are products; attention's masked half is skipped already."),
    ("wide", "exp|add",
     "a store reads its line first: 28 bytes move where 20 are counted (exp), 32 where 24 are (add), which leaves 71 and "
     "75 %. Stores past the caches, 128 numbers at a time, were tried: exp 0.56 to 0.60 ns, add 0.82 to 0.83."),
    ("wide", ".", "memory bounds both, so that the arithmetic, where tarn is ahead, is hidden behind it."),
    ("embedding", "of the small one",
     "a few MB of rows: the small table's stay in the caches from step to step, the large one's come from all over "
     "memory, and the state of Adagrad and SparseAdam is two and three times as much. Tried, and in: rows asked for 16 "
     "ahead, large pages, rows and states on cache lines (SGD 2.7 to 0.75 ms)."),
    ("embedding", ".",
     "bound by memory's answer to rows from anywhere, for both. Tried, and in: rows asked for 16 ahead, large pages, a "
     "bag's sum in registers, slots without a branch."),
    ("classify", "cold start",
     "a process that does nothing takes the time shown above; the rest reads vocabulary and table once. Tried, and in: "
     "malloc's first megabytes in large pages (4.9 to 2.6 ms of processor time), the vocabulary as the lines that the "
     "file has. Not in, since no faster: numbers read straight into place, a smaller hash table."),
    ("classify", "training, cold",
     "characters: few rows, always in the nearest cache, for fastText too. Tried, and in: sums in registers for any width "
     "(dim 100: 11.7 to 18.8 M tokens/s), slots without a branch, optimisers built for the vectors that there are."),
    ("classify", "training, .*maximum",
     "fastText has no maximum, and computes the mean alone. A text has 140 rows, from all over a table of 28 MB: they are "
     "looked up, added to and moved at the pace of memory. Tried, and in: the maximum and its winners in registers (0.5 to "
     "2.2 M tokens/s)."),
    ("classify", "macro-F1", "one seed each, at fixed rates: within the spread of seeds."),
    ("classify", ".", "bound by reading text: tokens, their hashes, the vocabulary's table."),
    ("threads", "classifier",
     "a step of 32 texts takes 17 µs, a few of which it takes to wake another thread; small work stays where it is."),
    ("threads", "MLP",
     "its products alone gain 1.25 to 1.5; what one processor's cache holds of weights and gradients the other then needs, "
     "and the optimiser, the ops between and each product's start are left."),
    ("threads", ".",
     "the two processors share what they are made of and the neighbours' load: even a loop of fma alone, or one of reads, "
     "does not always double."),
    ("growth", "MLP", "a small batch pays for reading and writing 100,000 weights by itself."),
    ("growth", ".", "what no longer fits a cache costs more to touch."),
]


def why(table, works):
    """The reasons for those rows of a table, each with the works that it explains."""
    explained = {}
    for work in works:
        reason = next((r for t, w, r in REASONS if re.search(t, table) and re.search(w, work)), "not explained yet")
        explained.setdefault(reason, []).append(work.strip())
    return [f"{', '.join(mine[:3])}{f' and {len(mine) - 3} more' if len(mine) > 3 else ''}: {reason}"
            for reason, mine in explained.items()]
