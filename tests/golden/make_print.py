"""Writes tests/golden/print.h: what NumPy prints, for tests/test_look.c.

    /usr/bin/python3 tests/golden/make_print.py > tests/golden/print.h
"""
import textwrap

import numpy as np

inf, nan = np.inf, np.nan
CASES = [  # (shape, values, then zeros) or (shape, None): 0, 1, 2, ...
    ((), [1.5]), ((), [1]), ((), [0.1]), ((), [-0.0]), ((), [1e16]), ((), [123456789]), ((), [1e-5]), ((), [nan]),
    ((), [-inf]), ((0,), []), ((2, 0, 3), []), ((1,), [0]), ((1, 1, 1), [7]), ((3,), [1, 2, 3]),
    ((3,), [1, -2.5, 3.25]), ((2, 3), [0.1, 0.2, 0.3, 1, 10, 100]), ((2, 2), [1 / 3, 2 / 3, -1 / 3, 1e-3]),
    ((2,), [1e-5, 1]), ((2,), [1, 1001]), ((2,), [1e8, 1]), ((2,), [99999999, 1e6]), ((3,), [0.0001, 0, 0.05]),
    ((2,), [1e-40, 1e30]), ((2,), [1e-7, 123456.789]), ((4,), [nan, inf, -inf, 0.5]), ((3,), [nan, nan, inf]),
    ((2,), [-inf, nan]), ((3,), [1e-9, nan, -inf]), ((2,), [-0.0, 0]), ((2, 2, 2), None), ((1, 2, 1, 3), None),
    ((2, 1, 1, 1, 1, 1, 1, 2), None), ((30,), None), ((3, 25), None), ((1000,), [7]), ((1001,), None),
    ((7, 200), None), ((300, 4), None), ((8, 8, 20), None), ((2, 2000, 1), None),
    ((12,), [i * 1.25 - 3 for i in range(12)]), ((9, 2), [(-1) ** i * 2.0 ** (i - 9) for i in range(18)]),
    ((2,), [16777216, 50331648]), ((), [2 ** -24]), ((), [2.0 ** 90]), ((), [2.0 ** -791]), ((2,), [33554432, 100663296]),
    ((4,), [2 ** -44, 2 ** -100, 2 ** 60, 3]),
]


def literal(x):
    return "NAN" if x != x else "INFINITY" if x == inf else "-INFINITY" if x == -inf else repr(float(x))


def quoted(text):
    lines = [f'"{line}\\n"' for line in text.split("\n")]
    return "\n     ".join(lines)


print("/* Written by tests/golden/make_print.py with NumPy: do not edit. A row is a shape, whether its values are 0, 1, 2,")
print(" * ..., else its values (then zeros), and what NumPy prints of them in float32 and in float64. */")
for shape, values in CASES:
    n = int(np.prod(shape, dtype=int))
    numbers = np.arange(n) if values is None else np.array(values + [0] * (n - len(values)))
    with np.errstate(over="ignore"):
        texts = [str(numbers.astype(dtype).reshape(shape)) for dtype in (np.float32, np.float64)]
    dims = f"{{{len(shape)}, {{{', '.join(map(str, shape)) or '0'}}}}}"
    given = "\n  ".join(textwrap.wrap(", ".join(map(literal, values)) if values else "0", 110))
    print(f"{{{dims}, {str(values is None).lower()},\n {{{given}}},\n"
          f" TEXT({quoted(texts[0])},\n     {quoted(texts[1])})}},")
