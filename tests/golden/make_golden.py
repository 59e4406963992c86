#!/usr/bin/python3
"""Writes the golden values beside this file: what PyTorch (1.13, float64) says each op, layer and update rule gives.

    /usr/bin/python3 tests/golden/make_golden.py [NAME...]      all files, or those of the names

`make test` only reads the files. A file holds cases:

    case ids repeated                a name, for messages
    mode train                       TN_GRAD | TN_TRAIN (else TN_GRAD)
    options 0.5 -1                   numbers; what they mean is between the functions of one name, here and in C
    in 0 grad 4 3                    the first input, (4, 3), which wants a gradient (const: none), and its numbers
    ids 5 / offsets 2                integers
    dy 2 3                           the gradient from above
    y 2 3                            what the forward pass gives
    grad 0 4 3                       the gradient of in 0
    after 0 4 3                      what in 0 holds afterwards, where the op writes it (a buffer: after the commit)
    end

Inputs are numbers that a float holds exactly, so that both builds compute on the same ones. Each case draws them from
its own name: a new case changes no other.
"""
import itertools
import math
import os
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
NAN, INF = float('nan'), float('inf')
NONE = NAN  # an option that is not given (no padding_idx)

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

files = {}  # op name -> list of case texts


# ---- writing -------------------------------------------------------------------------------------------------------

def number(x):
    text = repr(float(x))
    return text[:-2] if text.endswith('.0') else text


def result(x):
    """12 figures: two more than the double build's tolerance of 1e-10 looks at."""
    return '%.12g' % x


def array(head, x, text=number):
    """A head line with the shape, then the numbers, a row a line (long rows are cut)."""
    x = np.asarray(x)
    lines = [' '.join([head] + [str(n) for n in x.shape])]
    flat = x.reshape(-1)
    width = min(x.shape[-1], 12) if x.ndim and x.shape[-1] > 0 else 1
    row = x.shape[-1] if x.ndim else 1
    for begin in range(0, flat.size, row or 1):
        for at in range(begin, begin + row, width):
            lines.append('  ' + ' '.join(text(v) for v in flat[at:min(at + width, begin + row)]))
    return lines


def rng_of(*names):
    return np.random.RandomState(zlib.crc32('/'.join(names).encode()))


class Rnd:
    """Numbers for one case: multiples of 1/grain, so that float and text hold them exactly."""

    def __init__(self, *names, grain=64):
        self.r, self.grain = rng_of(*names), grain

    def __call__(self, *shape, low=-2.0, high=2.0):
        return self.r.randint(int(low * self.grain), int(high * self.grain) + 1, size=shape) / self.grain

    def ids(self, n, below):
        return self.r.randint(0, below, size=(n,))


def case(op, name, f, inputs, options=(), ids=None, offsets=None, const=(), mode=None, after=None, dy=None):
    """Computes and keeps one case. f(*tensors) -> tensor; inputs: arrays or None (absent); const: places of inputs
    that get no gradient (True: none does); after: computes what input 0 holds afterwards, or a dict of what inputs do."""
    leaves = []
    for i, x in enumerate(inputs):
        wants = x is not None and const is not True and i not in const
        leaves.append(None if x is None else torch.tensor(np.asarray(x, dtype=np.float64), requires_grad=wants))
    y = f(*leaves)
    lines = ['case ' + name]
    if mode:
        lines.append('mode ' + mode)
    if len(options):
        lines.append('options ' + ' '.join(number(o) for o in options))
    for i, x in enumerate(leaves):
        if x is not None:
            exact = x.detach().numpy().astype(np.float32).astype(np.float64)
            assert np.array_equal(exact, x.detach().numpy(), equal_nan=True), (op, name, 'an input is no float')
            lines += array('in %d %s' % (i, 'grad' if x.requires_grad else 'const'), x.detach())
    if ids is not None:
        lines += array('ids', np.asarray(ids, dtype=np.float64).reshape(-1))
    if offsets is not None:
        lines += array('offsets', np.asarray(offsets, dtype=np.float64))
    wanted = [i for i, x in enumerate(leaves) if x is not None and x.requires_grad]
    if wanted:
        if dy is None:
            dy = Rnd(op, name, 'dy', grain=16)(*y.shape, low=-1.5, high=1.5)
            dy = np.where(dy == 0, 0.5, dy)
        grads = [None] * len(wanted)
        if y.requires_grad:
            grads = torch.autograd.grad(y, [leaves[i] for i in wanted], torch.tensor(dy), allow_unused=True)
        lines += array('dy', dy)
    lines += array('y', y.detach(), result)
    for i, g in zip(wanted, grads if wanted else ()):
        lines += array('grad %d' % i, np.zeros(leaves[i].shape) if g is None else g, result)
    if callable(after):
        after = {0: after(leaves[0].detach().clone())}
    for i, x in (after or {}).items():
        lines += array('after %d' % i, x, result)
    files.setdefault(op, []).append('\n'.join(lines + ['end']))


# ---- one input, element by element ---------------------------------------------------------------------------------

def unary(op, f, low, high, edges=(), special=(NAN, INF, -INF), options=(), tiny=None, const=False):
    c = True if const else ()
    shapes = (('rank 2', (3, 5)), ('long', (45,)), ('scalar', ()), ('size 1', (1, 1)), ('empty', (0, 3)),
              ('rank 8', (1, 2, 1, 1, 2, 1, 1, 2)))
    if op in files and len(options):
        shapes = shapes[:1]  # all of them for the first options only
    for name, shape in shapes:
        x = Rnd(op, name)(*shape, low=low, high=high)
        case(op, label(name, options), f, [x], options, const=c)
    if len(edges):
        case(op, label('edges', options), f, [np.array(edges)], options, const=c)
    if len(special):
        case(op, label('not finite', options), f, [np.array(special)], options, const=True)
    if tiny is not None:
        case(op, label('tiny result', options), f, [np.array(tiny)], options, const=c)


def label(name, options):
    return name if not len(options) else name + ', ' + ' '.join(number(o) for o in options)


def softplus(x):  # linear above 20 by default, which is 2e-9 off
    return F.softplus(x, threshold=300)


def make_unary():
    big = (0.0, -0.0, 1e4, -1e4, 1.0, -1.0, 0.5)
    small = [2.0 ** -k for k in range(20, 31)] + [-2.0 ** -k for k in range(20, 31)]
    far = [-30.0 - k / 2 for k in range(12)]
    unary('neg', torch.neg, -3, 3, big)
    unary('abs', torch.abs, -3, 3, big)
    unary('sign', torch.sign, -3, 3, big, special=(INF, -INF), const=True)
    unary('exp', torch.exp, -4, 4, (0.0, 1e4, -1e4, 80.0, -80.0), tiny=far)
    unary('expm1', torch.expm1, -4, 4, (0.0, 1e4, -1e4, 80.0, -80.0), tiny=small)
    unary('log', torch.log, 1 / 64, 4, (0.0, 1.0, -1.0, 1e4, 2.0 ** 100, 2.0 ** -100))
    unary('log1p', torch.log1p, -0.9, 4, (0.0, -1.0, -2.0, 1e4), tiny=small)
    unary('sqrt', torch.sqrt, 1 / 64, 4, (0.0, 1.0, -1.0, 1e4, 2.0 ** 100))
    unary('rsqrt', torch.rsqrt, 1 / 64, 4, (0.0, 1.0, -1.0, 1e4, 2.0 ** -20))
    unary('square', torch.square, -3, 3, big)
    unary('reciprocal', torch.reciprocal, 1 / 64, 3, (0.0, -0.0, -2.0, 1e4, -1e4))
    unary('sin', torch.sin, -10, 10, big)
    unary('cos', torch.cos, -10, 10, big)
    unary('tanh', torch.tanh, -4, 4, big, tiny=small)
    unary('sigmoid', torch.sigmoid, -8, 8, big, tiny=far)
    unary('softplus', softplus, -8, 8, big + (19.5, 20.5, 30.0, 90.0, -90.0), tiny=far)
    unary('relu', torch.relu, -3, 3, big)
    for slope in (0.01, 0.25, 0.0):
        unary('leaky_relu', lambda x: F.leaky_relu(x, slope), -3, 3, big, special=(NAN, INF), options=(slope,))
    for alpha in (1.0, 0.5):
        unary('elu', lambda x: F.elu(x, alpha), -3, 3, big, options=(alpha,))
    unary('gelu', F.gelu, -4, 4, big, special=(NAN, INF))
    unary('gelu_tanh', lambda x: F.gelu(x, approximate='tanh'), -4, 4, big, special=(NAN, INF))
    unary('silu', F.silu, -8, 8, big, special=(NAN, INF), tiny=far)
    unary('erf', torch.erf, -3, 3, big, tiny=small)
    for low, high in ((-1.0, 1.0), (0.5, 0.5), (-INF, 0.25), (-0.75, INF)):
        unary('clamp', lambda x: torch.clamp(x, low, high), -2, 2, (low, high, 0.5, -1e4, 1e4) if low > -9
              and high < 9
              else (0.25, -0.75, 1e4, -1e4), options=(low, high))
    for k in (2.0, 3.0, 1.0, 0.0, -1.0, -2.0, 0.5, -0.5, 2.5):
        whole = k == math.floor(k)
        edges = (0.0, 1.0, 16.0, -1.0) + ((-2.0,) if whole else ())
        unary('pow_number', lambda x: torch.pow(x, k), 0.25 if k < 0 or not whole else -2, 3, edges, options=(k,),
              special=(NAN, INF))
    for k in (1.5, 0.0, -1e4):
        unary('add_number', lambda x: x + k, -3, 3, big, options=(k,))
        unary('mul_number', lambda x: x * k, -3, 3, big, options=(k,), special=(NAN, INF) if k else (NAN,))


# ---- two inputs, broadcast -----------------------------------------------------------------------------------------

PAIRS = [((3, 5), (3, 5)), ((3, 5), ()), ((), (3, 5)), ((), ()), ((3, 1), (1, 5)), ((1, 5), (3, 1)),
         ((5,), (2, 3, 5)),
         ((2, 3, 5), (3, 1)), ((2, 1, 4), (3, 1)), ((2, 3, 4), (2, 1, 4)), ((4, 33), (33,)), ((4, 33), (4, 1)),
         ((1,), (67,)), ((1, 1, 1), (3,)), ((1,), (1, 1)), ((0, 3), (1, 3)), ((0, 1), (1, 4)), ((1,), (0,)),
         ((0,), ()),
         ((2, 0, 3), (2, 1, 1)), ((1, 2, 1, 2, 1, 1, 1, 3), (2, 1, 2, 1, 3)), ((2, 1, 2, 1, 2), (1, 3, 1, 2, 1))]


def shape_name(*shapes):
    return ' '.join('(' + ', '.join(str(n) for n in s) + ')' for s in shapes)


def binary(op, f, low_a=-2, low_b=-2, ties=False):
    for a, b in PAIRS:
        name = shape_name(a, b)
        r = Rnd(op, name)
        x, y = r(*a, low=low_a), r(*b, low=low_b)
        if ties:
            x, y = np.round(x), np.round(y)
        case(op, name, f, [x, y])
    x = Rnd(op, 'twice')(3, 4, low=max(low_a, low_b))
    if op == 'div':  # powers of two: the gradient is 0, which floats are then to meet
        x = 2.0 ** np.arange(-6, 6).reshape(3, 4)
    case(op, 'the same tensor twice', lambda a: f(a, a), [x])
    case(op, 'only the first wants a gradient', f, [x, x[:1]], const=(1,))
    case(op, 'only the second wants a gradient', f, [x, x[:1]], const=(0,))


def make_binary():
    binary('add', torch.add)
    binary('sub', torch.sub)
    binary('mul', torch.mul)
    binary('div', torch.div, low_b=0.25)
    binary('pow', torch.pow, low_a=0.25)
    binary('maximum', torch.maximum, ties=True)
    binary('minimum', torch.minimum, ties=True)
    odd = np.array([NAN, 1.0, INF, -INF, NAN, 0.0]), np.array([1.0, NAN, 2.0, 2.0, INF, NAN])
    for op, f in (('add', torch.add), ('sub', torch.sub), ('mul', torch.mul), ('div', torch.div),
                  ('maximum', torch.maximum), ('minimum', torch.minimum)):
        case(op, 'not finite', f, odd, const=True)
        case(op, 'large', f, [np.array([1e4, -1e4, 1e4]), np.array([1e4, 1e4, -1e-3 * 2 ** 0 if 0 else -0.125])])
    case('div', 'by zero', torch.div, [np.array([1.0, -1.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.0, -0.0])])
    case('pow', 'edges', torch.pow, [np.array([0.0, 0.0, 0.0, 2.0, 1.0, 4.0]),
                                     np.array([0.0, 2.0, 1.0, 0.0, 9.0, 0.5])])
    case('pow', 'a negative base', torch.pow, [np.array([-2.0, -2.0, -1.0, -3.0]), np.array([2.0, 3.0, 0.0, -1.0])],
         const=(1,))
    case('pow', 'a negative base, gradient of the exponent', torch.pow, [np.array([-2.0, -0.5]),
                                                                         np.array([2.0, 1.0])])
    case('pow', 'a negative base, no whole exponent', torch.pow, [np.array([-2.0]), np.array([0.5])])
    case('pow', 'zero to a negative power', torch.pow, [np.array([0.0]), np.array([-1.0])])

    def where(c, a, b):
        return torch.where(c != 0, a, b)
    for c, a, b in (((3, 4),) * 3, ((3, 1), (1, 4), (3, 4)), ((4,), (3, 4), ()), ((), (2, 3), (2, 3)),
                    ((2, 3, 1), (3, 5), (5,)),
                    ((0, 3), (1, 3), ()), ((2, 1, 2), (1, 3, 1), (2, 1, 1)), ((), (), ()), ((4, 33), (33,), (4, 1))):
        r = Rnd('where', shape_name(c, a, b))
        case('where', shape_name(c, a, b), where, [r(*c, low=0, high=1).round(), r(*a), r(*b)], const=(0,))
    case('where', 'any other number is true', where, [np.array([0.0, 1.0, 0.5, -1.0, -0.0, 1e4]), np.arange(6.0),
                                                      -np.arange(6.0)], const=(0,))
    case('where', 'not finite on the other side', where,
         [np.array([1.0, 0.0]), np.array([1.0, NAN]), np.array([INF, 2.0])], const=(0,))
    case('where', 'the same tensor twice', lambda c, a: where(c, a, a), [np.array([1.0, 0.0]), np.array([3.0, 4.0])],
         const=(0,))


# ---- over dimensions -----------------------------------------------------------------------------------------------

REDUCED = [((2, 3, 5), ()), ((2, 3, 5), (0,)), ((2, 3, 5), (1,)), ((2, 3, 5), (-1,)), ((2, 3, 5), (0, 2)),
           ((2, 3, 5), (-1, 0)), ((2, 3, 5), (1, 2)), ((2, 3, 5), (-3, -2)), ((2, 3, 5), (2, 1, 0)), ((), ()),
           ((1,), (0,)),
           ((3, 1, 2), (1,)), ((1, 1), ()), ((2, 131), (1,)), ((67, 3), (0,)), ((4, 37), ()), ((0, 3), (1,)),
           ((2, 3, 2, 3), (1, 3)), ((2, 1, 3, 1, 2, 1, 2, 1), (0, 2, 4, 6)), ((2, 2, 2, 33), (0, 2))]
OF_NOTHING = [((0, 3), (0,)), ((0, 3), ()), ((2, 0), (1,)), ((2, 0, 3), (1, 2)), ((0,), (0,))]


def reduction(op, f, shapes=REDUCED, ties=False):
    for shape, dims in shapes:
        for keep in (0, 1) if np.prod(shape) < 31 and 0 not in dims[1:] else (0,):
            name = '%s over %s%s' % (shape_name(shape), shape_name(dims) if dims else 'all', ', kept' if keep else '')
            x = Rnd(op, shape_name(shape), shape_name(dims))(*shape)
            if ties:
                x = np.round(x)
            all_dims = dims if dims else tuple(range(len(shape)))
            case(op, name, lambda t: f(t, all_dims, bool(keep)), [x], (keep,) + dims)


def make_reductions():
    def var(x, dims, keep):
        if x.dim() == 0:
            return x * NAN
        return torch.var(x, dims, unbiased=True, keepdim=keep)

    def total(f):
        return lambda x, dims, keep: f(x, dims, keep) if x.dim() else f(x.reshape(1), (0,), False)
    reduction('sum', total(lambda x, d, k: torch.sum(x, d, k)), REDUCED + OF_NOTHING)
    reduction('mean', total(lambda x, d, k: torch.mean(x, d, k)), REDUCED + OF_NOTHING)
    reduction('max', total(lambda x, d, k: torch.amax(x, d, k)))
    reduction('min', total(lambda x, d, k: torch.amin(x, d, k)))
    for op, f in (('max', torch.amax), ('min', torch.amin)):
        for shape, dims in (((2, 3, 5), ()), ((2, 3, 5), (1,)), ((4, 6), (-1,)), ((4, 6), (0,)), ((2, 67), (1,))):
            x = np.round(Rnd(op, 'ties', shape_name(shape))(*shape, low=-1, high=1))
            case(op, 'ties: %s over %s' % (shape_name(shape), shape_name(dims)),
                 lambda t: f(t, dims if dims else tuple(range(t.dim()))), [x], (0,) + dims)
        case(op, 'not finite', lambda t: f(t, (1,)), [np.array([[1, NAN, 2], [INF, 1, 2], [-INF, -INF, -INF],
                                                                [-INF, 0, NAN]])], (0, 1), const=True)
    reduction('var', total(lambda x, d, k: torch.var(x, d, unbiased=True, keepdim=k)), REDUCED + OF_NOTHING)
    case('var', 'a constant', lambda t: torch.var(t, (1,)), [np.full((2, 5), 3.0)], (0, 1))
    case('var', 'far from zero', lambda t: torch.var(t, (1,)), [Rnd('var', 'far')(2, 9) + 64], (0, 1))
    reduction('logsumexp', total(lambda x, d, k: torch.logsumexp(x, d, k)), REDUCED + OF_NOTHING)
    rows = np.array([[1e4, 1e4, 0], [-1e4, -1e4, -1e4], [1e4, -1e4, 3], [0, 0, 0]])
    low = Rnd('all low', grain=8)(3, 4) - 8192
    for op, f, shift in (('logsumexp', torch.logsumexp, 0), ('max', torch.amax, 0), ('min', torch.amin, 16384)):
        for dim in (0, 1):
            name = 'all %s over %d' % ('high' if shift else 'low', dim)
            case(op, name, lambda t: f(t, (dim,)), [low + shift], (0, dim))
    case('logsumexp', 'extreme', lambda t: torch.logsumexp(t, (1,)), [rows], (0, 1))
    case('logsumexp', 'extreme, over all', lambda t: torch.logsumexp(t, (0, 1)), [rows], (0,))
    case('logsumexp', 'extreme, over the first', lambda t: torch.logsumexp(t, (0,)), [rows], (0, 0))
    case('logsumexp', 'a masked place', lambda t: torch.logsumexp(t, (1,)),
         [np.array([[-INF, 1, 2], [0, -INF, -INF]])], (0, 1))
    case('logsumexp', 'not finite', lambda t: torch.logsumexp(t, (1,)),
         [np.array([[-INF, -INF, -INF], [INF, 0, 0], [NAN, 0, 1]])], (0, 1), const=True)

    for shape, dim in (((2, 3, 5), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((5,), 0), ((3, 1), 1), ((1, 3), 0),
                       ((0, 3), 1),
                       ((2, 67), 1), ((33, 3), -2)):
        x = np.round(Rnd('argmax', shape_name(shape))(*shape))
        case('argmax', '%s along %d' % (shape_name(shape), dim), lambda t: torch.argmax(t, dim).double(), [x], (dim,),
             const=True)
    case('argmax', 'ties, NaN and infinities', lambda t: torch.argmax(t, 1).double(),
         [np.array([[1, 1, 1, 1], [0, 2, 2, 1], [0, NAN, INF, NAN], [-INF, -INF, -INF, -INF], [-INF, 0, INF, INF]])],
         (1,), const=True)

    for op, f in (('softmax', torch.softmax), ('log_softmax', torch.log_softmax)):
        for shape, dim in (((3, 5), 1), ((3, 5), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((2, 3, 5), -3), ((7,), 0),
                           ((3, 1), 1),
                           ((1, 3), 0), ((0, 3), 1), ((3, 0), 1), ((0, 3), 0), ((2, 131), 1), ((33, 5), 0),
                           ((1,), -1),
                           ((2, 1, 2, 1, 3, 1, 1, 2), 4)):
            name = '%s along %d' % (shape_name(shape), dim)
            case(op, name, lambda t: f(t, dim), [Rnd(op, name)(*shape, low=-4, high=4)], (dim,))
        case(op, 'extreme', lambda t: f(t, 1), [rows], (1,))
        case(op, 'extreme, along the first', lambda t: f(t, 0), [rows], (0,))
        case(op, 'all low, along the first', lambda t: f(t, 0), [low], (0,))
        case(op, 'all low', lambda t: f(t, 1), [low], (1,))
        case(op, 'a masked place', lambda t: f(t, 1), [np.array([[-INF, 1, 2], [0, -INF, -INF]])], (1,),
             dy=np.array([[1, 0.5, -1], [0.25, 1, -0.5]]))
        case(op, 'a NaN', lambda t: f(t, 1), [np.array([[NAN, 1, 2], [0, 1, 2]])], (1,), const=True)


# ---- products ------------------------------------------------------------------------------------------------------

def make_products():
    def shapes(op, pairs, flags=(0,)):
        for trans in flags:
            for a, b in pairs:
                name = shape_name(a, b) + (', trans %d' % trans if op == 'matmul_trans' else '')
                r = Rnd(op, name, grain=8)
                x, y = r(*a), r(*b)
                x = np.ascontiguousarray(np.swapaxes(x, -1, -2)) if trans & 1 else x
                y = np.ascontiguousarray(np.swapaxes(y, -1, -2)) if trans & 2 else y

                def f(p, q):
                    return torch.matmul(p.transpose(-1, -2) if trans & 1 else p, q.transpose(-1, -2) if trans & 2
                                        else q)
                case(op, name, f, [x, y], (trans,) if op == 'matmul_trans' else ())
    plain = [((2, 3), (3, 4)), ((1, 1), (1, 1)), ((7, 13), (13, 5)), ((9, 17), (17, 11)), ((1, 9), (9, 3)),
             ((3, 9), (9, 1)),
             ((5, 1), (1, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)), ((2, 3, 4), (2, 4, 5)),
             ((2, 1, 3, 4), (5, 4, 2)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((1, 3, 4), (3, 4, 2)),
             ((0, 2, 3), (0, 3, 2)),
             ((0, 2, 3), (3, 2)), ((2, 0, 2, 3), (1, 3, 2)), ((2, 1, 1, 2), (1, 3, 2, 2)),
             ((1, 2, 1, 2, 1, 1, 2, 3), (2, 1, 2, 3, 2))]
    shapes('matmul', plain + [((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)),
                              ((1,), (1,)),
                              ((0,), (0,)), ((0,), (0, 2)), ((2, 0), (0,)), ((17, 33), (33, 19)),
                              ((1, 520), (520, 2)),
                              ((65, 2), (2, 35))])
    shapes('matmul_trans', plain, (1, 2, 3))
    shapes('matmul_trans', [((17, 33), (33, 19))], (3,))
    shapes('matmul_trans', [((3,), (3, 4)), ((3,), (2, 3, 4))], (2,))
    shapes('matmul_trans', [((2, 3), (3,)), ((2, 4, 3), (3,))], (1,))
    shapes('matmul_trans', [((2, 3), (3, 2)), ((3,), (3,))], (0,))
    x = Rnd('matmul', 'twice')(3, 3)
    case('matmul', 'the same tensor twice', lambda a: a @ a, [x])
    case('matmul_trans', 'the same tensor twice', lambda a: a @ a.T, [x[:2]], (2,))
    case('matmul', 'only the first wants a gradient', torch.matmul, [x, x[:, :2]], const=(1,))
    case('matmul', 'only the second wants a gradient', torch.matmul, [x, x[:, :2]], const=(0,))
    case('matmul', 'a NaN and an infinity', torch.matmul,
         [np.array([[NAN, 0.0], [1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, INF], [0.0, 1.0]])], const=True)

    for x, n_out in (((5, 3), 4), ((3,), 4), ((2, 3, 4), 2), ((0, 3), 2), ((2, 0), 3), ((2, 3), 0), ((1, 1), 1),
                     ((9, 33), 7),
                     ((4, 5), 1), ((2, 0, 3), 2), ((33, 7), 3)):
        for bias in (True, False):
            if not bias and x[0] > 5:
                continue
            name = '%s to %d%s' % (shape_name(x), n_out, '' if bias else ', no bias')
            r = Rnd('linear', name, grain=8)
            case('linear', name, lambda *v: v[0] @ v[1].T + (v[2] if bias else 0),
                 [r(*x), r(n_out, x[-1]), r(n_out) if bias else None])
    case('linear', 'only the bias wants a gradient', F.linear, [x[:2] for x in (np.eye(2), np.eye(2), np.ones(2))],
         const=(0, 1))


CONVOLUTIONS = [((2, 3, 5), (1, 1, 0, 1)), ((2, 3, 5), (3, 1, 0, 1)), ((2, 3, 5), (3, 1, 1, 1)), ((2, 2, 7), (3, 2, 0, 1)),
                ((2, 2, 7), (3, 2, 2, 2)), ((1, 2, 7), (2, 3, 1, 4)), ((1, 1, 4), (1, 2, 0, 1)), ((1, 2, 2), (4, 1, 3, 1)),
                ((1, 1, 1), (2, 3, 4, 2)), ((0, 2, 5), (3, 1, 0, 1)), ((1, 1, 3), (2, 5, 6, 1)), ((1, 2, 3), (1, 1, 2, 1)),
                ((3, 4, 70), (5, 1, 2, 1))]


def make_convolutions():
    for shape, options in CONVOLUTIONS:
        kernel, stride, padding, dilation = options
        name = '%s kernel %d stride %d padding %d dilation %d' % ((shape_name(shape),) + options)
        if shape[0]:
            case('unfold', name, lambda x: F.unfold(x[:, :, None], (1, kernel), (1, dilation), (0, padding), (1, stride)),
                 [Rnd('unfold', name)(*shape)], options)
        for out, groups in ((2, 1), (shape[1] * 2, shape[1])):
            if groups > 1 and shape[2] > 9:
                continue
            r = Rnd('conv1d', name, str(groups), grain=8)
            case('nn_conv1d', '%s to %d in %d groups' % (name, out, groups),
                 lambda x, w, b: F.conv1d(x, w, b, stride, padding, dilation, groups),
                 [r(*shape), r(out, shape[1] // groups, kernel), r(out)], options[1:] + (groups,))


# ---- shape ---------------------------------------------------------------------------------------------------------

def make_shapes():
    def r(*shape):
        return Rnd('shapes', shape_name(shape))(*shape)
    for a, b in (((2, 6), (3, 4)), ((2, 6), (-1, 4)), ((2, 6), (12,)), ((1,), ()), ((), (1, 1)), ((2, 3), (2, -1)),
                 ((0, 3), (3, 0)),
                 ((0, 3), (0,)), ((4, 2), (1, 2, 1, 2, 1, 2, 1, 1)), ((0, 3), (-1, 3)), ((2, 3), (-1,))):
        case('reshape', shape_name(a, b), lambda x: x.reshape(b), [r(*a)], b)
    for s, i, j in (((2, 3), 0, 1), ((2, 3), -1, -2), ((2, 3, 4), 0, 2), ((2, 3, 4), 1, -1), ((2, 3, 4), 1, 1),
                    ((0, 3), 0, 1),
                    ((1, 5), 0, 1), ((5,), 0, 0), ((2, 3, 2, 3), 0, 3), ((2, 3, 2, 3), 1, 2), ((11, 18), 0, 1),
                    ((1, 2, 1, 3, 1, 2, 1, 2), 1, 5)):
        case('transpose', '%s %d %d' % (shape_name(s), i, j), lambda x: x.transpose(i, j), [r(*s)], (i, j))
    for s, order in (((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 1, 2)), ((2, 3, 4), (-1, 0, -2)), ((2, 3), (1, 0)),
                     ((5,), (0,)),
                     ((), ()), ((2, 0, 3), (2, 1, 0)), ((1, 2, 1, 3, 1, 2, 1, 2), (7, 6, 5, 4, 3, 2, 1, 0)),
                     ((2, 3, 4, 5), (0, 2, 1, 3))):
        case('permute', shape_name(s, order), lambda x: x.permute(order), [r(*s)], order)
    for parts, dim in ((((2, 3), (4, 3)), 0), (((2, 3), (2, 1), (2, 4)), 1), (((2, 3), (2, 2)), -1), (((3,),), 0),
                       (((0, 3), (2, 3)), 0),
                       (((2, 0), (2, 3), (2, 0)), 1), (((0,), (0,)), 0), (((2, 1, 3), (2, 2, 3), (2, 3, 3)), -2),
                       (((1, 2),) * 6, 0), (((0, 2), (0, 3)), 1)):
        name = '%s along %d' % (shape_name(*parts), dim)
        case('concat', name, lambda *x: torch.cat(x, dim), [Rnd(name, str(i))(*p) for i, p in enumerate(parts)],
             (dim,))
    case('concat', 'only the second wants a gradient', lambda *x: torch.cat(x, 0), [r(2, 2), r(1, 2), r(3, 2)], (0,),
         const=(0, 2))
    for shape, n, dim in (((2, 3), 2, 0), ((2, 3), 3, 1), ((2, 3), 2, 2), ((2, 3), 2, -1), ((2, 3), 2, -3),
                          ((), 3, 0), ((3,), 1, 0),
                          ((0, 2), 2, 1), ((1,), 5, -1), ((1, 2, 1, 2, 1, 2, 1), 2, 3)):
        name = '%d of %s at %d' % (n, shape_name(shape), dim)
        case('stack', name, lambda *x: torch.stack(x, dim), [Rnd(name, str(i))(*shape) for i in range(n)], (dim,))
    for shape, dim, begin, end, step in (((5, 3), 0, 1, 4, 1), ((5, 3), 0, 0, 5, 2), ((5, 3), 0, 1, 5, 3),
                                         ((5, 3), 1, 0, 2, 1),
                                         ((2, 5, 3), 1, -3, -1, 1), ((2, 5, 3), -1, 1, 99, 1), ((5,), 0, -99, 2, 1),
                                         ((5,), 0, 3, 3, 1),
                                         ((5,), 0, 4, 2, 1), ((5,), 0, 0, 5, 7), ((0, 3), 0, 0, 4, 1),
                                         ((5, 0), 0, 1, 3, 1),
                                         ((2, 3, 4, 5), 2, 1, 4, 2), ((7,), 0, 1, -1, 2), ((5,), 0, 9, 99, 1),
                                         ((1,), 0, 0, 1, 1)):
        def cut(x):
            at = [slice(None)] * x.dim()
            at[dim] = slice(begin, end, step)
            return x[tuple(at)]
        case('slice', '%s dim %d [%d:%d:%d]' % (shape_name(shape), dim, begin, end, step), cut, [r(*shape)],
             (dim, begin, end, step))
    for shape, dim, before, after, value in (((2, 3), 0, 1, 2, 0.0), ((2, 3), 1, 1, 0, 1.5), ((2, 3), -1, 0, 2, -1.0),
                                             ((3,), 0, 0, 0, 7.0),
                                             ((2, 3, 2), 1, 2, 1, -INF), ((0, 2), 0, 1, 1, 4.0),
                                             ((2, 0), 1, 0, 3, 2.0),
                                             ((2, 0), 0, 1, 1, 2.0), ((1, 2, 1, 2, 1, 2, 1, 2), 3, 1, 0, 0.0)):
        def padded(x):
            def part(n):
                s = list(x.shape)
                s[dim] = n
                return torch.full(s, value)
            return torch.cat([part(before), x, part(after)], dim)
        case('pad', '%s dim %d by %d and %d' % (shape_name(shape), dim, before, after), padded, [r(*shape)],
             (dim, before, after, value))
    for shape, ids in (((5, 3), (0, 4, 2)), ((5, 3), (1, 1, 1, 3)), ((5,), (4, 0, 4)), ((3, 2, 2), (2, 0)),
                       ((5, 3), ()), ((1, 1), (0, 0)),
                       ((3, 0), (1, 2)), ((0, 3), ()), ((6, 35), (5, 0, 5))):
        i = torch.tensor(ids, dtype=torch.long)
        name = '%s rows %s' % (shape_name(shape), shape_name(ids))
        case('gather_rows', name, lambda x: x.index_select(0, i), [r(*shape)], ids=ids)
        source = Rnd('source', name)(len(ids), *shape[1:])
        case('scatter_add_rows', name, lambda x, s: x.index_add(0, i, s), [r(*shape), source], ids=ids)


# ---- embedding -----------------------------------------------------------------------------------------------------

def embedding(table, ids, padding=NONE, max_norm=0.0, norm_type=2.0, freq=0):
    return F.embedding(torch.tensor(ids, dtype=torch.long), table, None if math.isnan(padding) else int(padding),
                       scale_grad_by_freq=bool(freq))


def renormed(table, ids, options):
    """The table after Embedding's max_norm."""
    _, max_norm, norm_type = options[:3]
    table = table.detach().clone()
    if max_norm > 0 and len(ids):
        torch.embedding_renorm_(table, torch.tensor(ids, dtype=torch.long), max_norm, norm_type)
    return table


def bag(table, weights, ids, offsets, options):
    mode, last, padding, _, _, freq = options
    if freq or (last and offsets[-1] < len(ids)):
        return bag_composed(table, weights, ids, offsets, options)
    return F.embedding_bag(torch.tensor(ids, dtype=torch.long), table, torch.tensor(offsets, dtype=torch.long),
                           mode=('mean', 'sum', 'max')[int(mode)], per_sample_weights=weights,
                           include_last_offset=bool(last),
                           padding_idx=None if math.isnan(padding) else int(padding), scale_grad_by_freq=bool(freq))


def bag_composed(table, weights, ids, offsets, options):
    """Where PyTorch 1.13 is wrong. By frequency it divides by the count of another id (its embedding_bag looks up
    counts[indices[i]] where i counts the distinct ids); ids behind the last offset break its memory."""
    mode, last, padding, _, _, freq = options
    rows = embedding(table, ids, padding, freq=freq)
    keep = torch.tensor([0.0 if i == padding else 1.0 for i in ids])
    weights = keep if weights is None else keep * weights
    bags = zip(offsets, offsets[1:] + (() if last else (len(ids),)))
    if mode == 2:
        return torch.stack([rows[a:b].max(0).values for a, b in bags])
    return torch.stack([(rows[a:b] * weights[a:b, None]).sum(0) / (keep[a:b].sum().clamp(min=1) if mode == 0 else 1)
                        for a, b in bags])


def make_bags(r):
    ids, table = (3, 1, 1, 0, 4, 1, 3, 2), r(5, 3)
    ties = np.round(Rnd('bag ties')(5, 4, low=-1, high=1))
    plain = (0, NONE, 0, 2, 0)
    bags = (('bags', table, ids, (0, 3, 5), plain),
            ('one bag', table, ids, (0,), plain),
            ('no bags', table, (), (), plain),
            ('bags of one', table, (1, 2, 1), (0, 1, 2), plain),
            ('empty bags', table, ids, (0, 0, 3, 3, 8), plain),
            ('all bags empty', table, (), (0, 0), plain),
            ('the last offset', table, ids, (0, 3, 5, 8), (1, NONE, 0, 2, 0)),
            ('the last offset, before the end', table, ids, (0, 3, 5), (1, NONE, 0, 2, 0)),
            ('the last offset, empty bags', table, ids, (0, 0, 8, 8), (1, NONE, 0, 2, 0)),
            ('padding', table, ids, (0, 3, 5), (0, 1, 0, 2, 0)),
            ('padding from the end', table, ids, (0, 3, 5), (0, -1, 0, 2, 0)),
            ('a bag of padding', table, (1, 1, 0, 2, 1), (0, 2, 4), (0, 1, 0, 2, 0)),
            ('padding in the midst', table, (0, 1, 2, 1, 3), (0, 3), (0, 1, 0, 2, 0)),
            ('by frequency', table, ids, (0, 3, 5), (0, NONE, 0, 2, 1)),
            ('by frequency, padding', table, ids, (0, 3, 5), (0, 3, 0, 2, 1)),
            ('ties', ties, (0, 1, 2, 3, 4, 0, 1, 1), (0, 4, 6), plain),
            ('size 1', r(1, 1), (0, 0, 0), (0, 2), plain),
            ('wide', r(4, 67), (3, 0, 3, 2), (0, 3), plain))
    for mode, word in enumerate(('mean', 'sum', 'max')):
        for name, tab, i, offsets, rest in bags:
            options = (mode,) + rest
            if options[5] and word == 'max':
                continue  # PyTorch has no such thing
            case('embedding_bag', '%s: %s' % (word, name), lambda t: bag(t, None, i, offsets, options), [tab],
                 options, ids=i, offsets=offsets)
        options, i, offsets = (mode, 0, 1, 1.5, 2, 0), (0, 1, 2, 2, 4, 0), (0, 2, 5)
        case('embedding_bag', word + ': max_norm, training',
             lambda t: bag(renormed_leaf(t, i, options[2:]), None, i, offsets, options), [table], options, ids=i,
             offsets=offsets, mode='train', after=lambda t: renormed(t, i, options[2:]))
        case('embedding_bag', word + ': max_norm, not training',
             lambda t: bag(renormed(t, i, options[2:]), None, i, offsets, options), [table], options, ids=i,
             offsets=offsets, const=True)
    weights = Rnd('bag weights')(8)
    for name, offsets, rest in (('weights', (0, 3, 5), plain),
                                ('weights, empty bags', (0, 0, 3, 3), plain),
                                ('weights, padding', (0, 3, 5), (0, 1, 0, 2, 0)),
                                ('weights, by frequency', (0, 3, 5), (0, NONE, 0, 2, 1)),
                                ('weights, the last offset', (0, 3, 5, 8), (1, NONE, 0, 2, 0))):
        options = (1,) + rest
        case('embedding_bag', 'sum: ' + name, lambda t, w: bag(t, w, ids, offsets, options), [table, weights],
             options, ids=ids, offsets=offsets)
    options, offsets = (1,) + plain, (0, 3)  # PyTorch fails on a table that wants no gradient, so a copy does
    case('embedding_bag', 'sum: only the weights want a gradient',
         lambda t, w: bag(t.clone().requires_grad_(), w, ids, offsets, options), [table, weights], options, ids=ids,
         offsets=offsets, const=(0,))


def make_embedding():
    def r(*shape):
        return Rnd('table', shape_name(shape))(*shape)
    many, lots = (3, 1, 1, 0, 4, 1, 3), tuple(Rnd('lots').ids(50, 9))
    plain = (NONE, 0, 2, 0)
    for name, shape, ids, options in (
            ('each once', (5, 3), (4, 2, 0), plain),
            ('repeated', (5, 3), many, plain),
            ('none', (5, 3), (), plain),
            ('an empty table', (0, 3), (), plain),
            ('size 1', (1, 1), (0, 0, 0), plain),
            ('no columns', (3, 0), (1, 2), plain),
            ('wide', (4, 67), (3, 0, 3), plain),
            ('padding', (5, 3), many, (1, 0, 2, 0)),
            ('padding from the end', (5, 3), many, (-2, 0, 2, 0)),
            ('padding 0', (5, 3), many, (0, 0, 2, 0)),
            ('all padding', (5, 3), (2, 2), (2, 0, 2, 0)),
            ('by frequency', (5, 3), many, (NONE, 0, 2, 1)),
            ('by frequency, padding', (5, 3), many, (1, 0, 2, 1)),
            ('lots', (9, 4), lots, plain),
            ('lots by frequency', (9, 4), lots, (3, 0, 2, 1))):
        case('embedding', name, lambda t: embedding(t, ids, *options), [r(*shape)], options, ids=ids)
    for norm_type in (2.0, 1.0, 3.0, INF):
        options = (2, 1.5, norm_type, 0)
        ids = (0, 2, 2, 4, 0)
        case('embedding', 'max_norm, training, p ' + number(norm_type),
             lambda t: embedding(renormed_leaf(t, ids, options), ids, *options),
             [r(5, 3)], options, ids=ids, mode='train', after=lambda t: renormed(t, ids, options))
        case('embedding', 'max_norm, not training, p ' + number(norm_type),
             lambda t: embedding(renormed(t, ids, options), ids, *options), [r(5, 3)], options, ids=ids, const=True)
    case('embedding', 'max_norm, nothing is longer', lambda t: embedding(t, (0, 1), NONE), [r(5, 3) / 64],
         (NONE, 1.5, 2, 0), ids=(0, 1),
         mode='train', after=lambda t: t)

    make_bags(r)

    def masked_mean(x, mask):
        return (x * mask[:, :, None]).sum(1) / mask.sum(1).clamp(min=1)[:, None]
    for b, t, d in ((2, 3, 4), (1, 1, 1), (3, 5, 1), (2, 7, 33), (0, 3, 2), (2, 0, 3), (2, 3, 0)):
        name = shape_name((b, t, d))
        rnd = Rnd('masked_mean', name)
        case('masked_mean', name, masked_mean, [rnd(b, t, d), rnd(b, t, low=0, high=1).round()], const=(1,))
    case('masked_mean', 'nothing, one, all', masked_mean, [Rnd('mm')(3, 4, 2),
                                                           np.array([[0.0] * 4, [0, 1, 0, 0], [1] * 4])], const=(1,))


def recurrent(cls, lengths, what):
    """A layer of PyTorch's on x (batch, steps, in) from a state, with its lengths; what: 'all' states at all steps as the
    op has them (they stay behind the end), 'outputs' or the 'last' state as the layer gives them."""
    def f(x, state, *weights):
        m = cls(x.shape[2], state.shape[-1], batch_first=True)
        m._flat_weights = list(weights)  # functional_call does not reach these
        first = state[None] if cls is torch.nn.GRU else (state[0][None], state[1][None])

        if what == 'all':
            states, mask = [], torch.tensor(lengths)[:, None]
            for step in range(x.shape[1]):
                _, then = m(x[:, step:step + 1], first)
                pairs = zip((then,) if torch.is_tensor(then) else then, (first,) if torch.is_tensor(first) else first)
                kept = [torch.where(step < mask, a, b) for a, b in pairs]
                first = kept[0] if cls is torch.nn.GRU else tuple(kept)
                states.append(torch.stack([k[0] for k in kept]))
            y = torch.stack(states, 1)
            return y[0] if cls is torch.nn.GRU else y
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), True, False)
        y, last = m(packed, first)
        y = torch.nn.utils.rnn.pad_packed_sequence(y, True, 0.0, x.shape[1])[0]
        return y if what == 'outputs' else last[0] if cls is torch.nn.GRU else torch.cat(last)
    return f


def make_recurrent():
    for op, cls, gates in (('gru', torch.nn.GRU, 3), ('lstm', torch.nn.LSTM, 4)):
        for batch, steps, n_in, n, lengths in ((1, 1, 1, 1, None), (2, 3, 2, 3, None), (3, 4, 2, 3, (2, 4, 1)),
                                               (2, 3, 3, 9, None), (5, 3, 1, 4, (1, 3, 3, 2, 1)), (1, 7, 2, 2, (5,))):
            name = 'batch %d, %d steps of %d, hidden %d%s' % (batch, steps, n_in, n, '' if lengths is None else
                                                              ', lengths ' + shape_name(lengths))
            r = Rnd(op, name)
            state = r(*((batch, n) if gates == 3 else (2, batch, n)))
            weights = [r(gates * n, n_in, low=-1, high=1), r(gates * n, n, low=-1, high=1), r(gates * n), r(gates * n)]
            x, full = r(batch, steps, n_in), lengths or (steps,) * batch
            for k, what in enumerate(('outputs', 'last')):
                case('nn_' + op, name + ', ' + what, recurrent(cls, full, what), [x, state] + weights, (k,),
                     ids=lengths)
            part = r(steps, batch, gates * n)  # the op is given what the inputs add to the gates: so x's weight is one

            def of_gates(p, s, w, b):
                eye, none = torch.eye(gates * n), torch.zeros(gates * n)
                return recurrent(cls, full, 'all')(p.transpose(0, 1), s, eye, w, none, b)
            case(op, name, of_gates, [part, state, weights[1], weights[3]], ids=lengths)


def attention(heads, causal, scale):
    """Scaled dot-product attention (PyTorch 1.13 has none in public), 0 for a query that may look at nothing."""
    def f(q, k, v, mask):
        if k is None:
            q, k, v = q.chunk(3, -1)
        q, k, v = (x.reshape(*x.shape[:2], heads, x.shape[2] // heads).transpose(1, 2) for x in (q, k, v))
        scores = q @ k.transpose(-2, -1) * (scale or (1 / math.sqrt(q.shape[-1]) if q.shape[-1] else 1))
        open_ = torch.ones_like(scores) if mask is None else torch.ones_like(scores) * (mask != 0)
        if causal:
            open_ = open_.tril()
        some = (open_ != 0).any(-1, keepdim=True)
        p = torch.where((open_ != 0) | ~some, scores, torch.tensor(-INF)).softmax(-1) * some
        y = p @ v
        return y.transpose(1, 2).flatten(2)
    return f


def make_attention():
    for batch, length, source, heads, head, width in ((2, 3, 3, 1, 4, 4), (2, 5, 5, 2, 3, 3), (1, 2, 7, 3, 2, 1),
                                                      (1, 7, 2, 1, 2, 5), (1, 1, 1, 1, 1, 1), (1, 70, 70, 1, 2, 2),
                                                      (1, 66, 40, 2, 1, 2), (2, 0, 3, 1, 2, 2), (0, 2, 3, 1, 2, 2),
                                                      (1, 2, 0, 1, 2, 2)):
        for causal in (False, True):
            name = '%s source %d %s' % (shape_name((batch, length, heads * head)), source, 'causal' if causal else 'all')
            rnd = Rnd('attention', name)
            case('attention', name, attention(heads, causal, 0),
                 [rnd(batch, length, heads * head), rnd(batch, source, heads * head),
                  rnd(batch, source, heads * width), None], options=(heads, causal, 0))
    for causal in (False, True):
        name = 'packed %s' % ('causal' if causal else 'all')
        case('attention', name, attention(2, causal, -0.5), [Rnd('attention', name)(2, 5, 18), None, None, None],
             options=(2, causal, -0.5))
    for shape in ((2, 1, 1, 5), (1, 2, 3, 5), (3, 5), (5,), (2, 2, 3, 1), ()):
        name = 'mask ' + shape_name(shape)
        rnd = Rnd('attention', name)
        mask = rnd(*shape, low=0, high=1).round()
        if mask.ndim and mask.shape[-1] > 1:
            mask.reshape(-1, mask.shape[-1])[0] = 0  # nothing to look at
        case('attention', name, attention(2, False, 0), [rnd(2, 3, 4), rnd(2, 5, 4), rnd(2, 5, 6), mask],
             options=(2, 0, 0), const=(3,))
    case('attention', 'mask and causal', attention(2, True, 0), [Rnd('mac')(2, 5, 12), None, None,
         np.array([[0.0, 1, 1, 0, 1], [1, 1, 0, 1, 1]]).reshape(2, 1, 1, 5)], options=(2, 1, 0), const=(3,))


class Renorm(torch.autograd.Function):
    """The renormed table, with the gradient of what is read from it: PyTorch writes the table before the lookup."""

    @staticmethod
    def forward(ctx, table, ids, options):
        return renormed(table, ids, options)

    @staticmethod
    def backward(ctx, g):
        return g, None, None


renormed_leaf = Renorm.apply


# ---- normalisation, dropout ----------------------------------------------------------------------------------------

def layer_norm(x, over, weight=None, bias=None, eps=1e-5):
    if np.prod(over) > 1:
        return F.layer_norm(x, over, weight, bias, eps)
    zero = x - x  # of one number PyTorch leaves rounding errors, here is what they stand for
    return zero * (1 if weight is None else weight) + (0 if bias is None else bias)


def rms_norm(x, weight, eps):
    y = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
    return y if weight is None else y * weight


def make_norms():
    for shape, dims in (((3, 5), 1), ((2, 3, 4), 1), ((2, 3, 4), 2), ((5,), 1), ((3, 1), 1), ((0, 4), 1), ((1, 1), 1),
                        ((2, 131), 1),
                        ((2, 2, 2, 3), 3), ((33, 7), 1)):
        for given in ('weight and bias', 'weight', 'nothing'):
            if given != 'weight and bias' and (dims > 1 or np.prod(shape) > 100):
                continue
            name = '%s over %d, %s' % (shape_name(shape), dims, given)
            r = Rnd('layer_norm', name)
            x, over = r(*shape), shape[len(shape) - dims:]
            w = r(*over) if given != 'nothing' else None
            b = r(*over) if given == 'weight and bias' else None
            case('layer_norm', name, lambda *v: layer_norm(v[0], over, v[1], v[2]), [x, w, b], (1e-5,))
    x = Rnd('layer_norm', 'more')(3, 6)
    case('layer_norm', 'constant rows', lambda v: F.layer_norm(v, (6,), eps=1e-5), [np.array([[2.0] * 6, [0.0] * 6])],
         (1e-5,))
    case('layer_norm', 'eps 0.25', lambda v: F.layer_norm(v, (6,), eps=0.25), [x], (0.25,))
    case('layer_norm', 'off zero', lambda v: F.layer_norm(v, (6,), eps=1e-5), [x + 16], (1e-5,))
    case('layer_norm', 'large', lambda v: F.layer_norm(v, (6,), eps=1e-5), [x * 8192], (1e-5,))
    case('layer_norm', 'only weight and bias want a gradient', lambda v, w, b: F.layer_norm(v, (6,), w, b, 1e-5),
         [x, x[0], x[1]], (1e-5,),
         const=(0,))
    for shape in ((3, 5), (2, 3, 4), (5,), (3, 1), (0, 4), (1, 1), (2, 131), (33, 7)):
        for given in (True, False) if np.prod(shape) < 100 else (True,):
            name = shape_name(shape) + ('' if given else ', no weight')
            r = Rnd('rms_norm', name)
            case('rms_norm', name, lambda *v: rms_norm(v[0], v[1], 1e-5), [r(*shape),
                                                                           r(shape[-1]) if given else None], (1e-5,))
    case('rms_norm', 'zeros', lambda v: rms_norm(v, None, 1e-5), [np.zeros((2, 4))], (1e-5,))
    case('rms_norm', 'eps 0.25', lambda v: rms_norm(v, None, 0.25), [x], (0.25,))
    case('rms_norm', 'large', lambda v: rms_norm(v, None, 1e-5), [x * 8192], (1e-5,))
    for shape in ((5, 3), (2, 3, 4), (33, 7), (2, 2, 3, 2), (3, 1), (1, 2, 2), (0, 3), (2, 3, 0), (3, 70), (1, 1, 520)):
        for training, given in ((True, 'weight and bias'), (True, 'weight'), (True, 'nothing'),
                                (False, 'weight and bias'), (False, 'nothing')):
            name = '%s, %s, %s' % (shape_name(shape), 'training' if training else 'running', given)
            if given != 'weight and bias' and np.prod(shape) > 24:
                continue
            r, n = Rnd('batch_norm', name), shape[1]
            inputs = [r(*shape), r(n) if 'weight' in given else None, r(n) if 'bias' in given else None]
            if not training:
                inputs += [r(n), r(n, low=0.25, high=3)]
            eps = 0.25 if shape == (1, 2, 2) else 1e-5  # of two numbers: 1 - h^2 is all that floats leave of x's gradient
            case('batch_norm', name, lambda x, w, b, *run: F.batch_norm(x, *(run or (None, None)), w, b, training,
                                                                        eps=eps),
                 inputs, (training, 0.1, eps), const=(3, 4))
    far = Rnd('batch_norm', 'far')(6, 3)
    for name, x, eps in (('eps 0.25', far, 0.25), ('off zero', far + 16, 1e-5), ('large', far * 8192, 1e-5),
                         ('a constant', far * 0 + 2, 0.25)):
        case('batch_norm', name, lambda v: F.batch_norm(v, None, None, training=True, eps=eps), [x], (1, 0.1, eps))
    for name, p, mode in (('not training', 0.5, None), ('not training, p 1', 1.0, None),
                          ('training, p 0', 0.0, 'train'),
                          ('training, p 1', 1.0, 'train')):
        for shape in ((3, 5), (0, 2), ()):
            case('dropout', '%s, %s' % (name, shape_name(shape)), lambda v: F.dropout(v, p, training=bool(mode)),
                 [Rnd(name)(*shape)], (p,),
                 mode=mode)


# ---- losses --------------------------------------------------------------------------------------------------------

WORD = ('mean', 'sum', 'none', 'batchmean')


def make_losses():
    make_class_losses()

    def shapes_for(op, f, target=lambda r, s: r(*s), x=lambda r, s: r(*s), options=(), words=WORD[:3]):
        for shape in ((3, 5), (67,), (2, 3, 4), (), (1, 1), (0, 3)):
            for reduction, word in enumerate(words):
                name = label('%s %s' % (shape_name(shape), word), options)
                r = Rnd(op, shape_name(shape))
                case(op, name, lambda a, b: f(a, b, word), [x(r, shape), target(r, shape)], (reduction,) + options,
                     const=(1,))
    shapes_for('mse', lambda a, b, w: F.mse_loss(a, b, reduction=w))
    shapes_for('l1', lambda a, b, w: F.l1_loss(a, b, reduction=w))
    case('l1', 'equal', lambda a, b: F.l1_loss(a, b, reduction='none'), [np.array([1.0, 2.0]), np.array([1.0, 3.0])],
         (2,), const=(1,))
    case('l1', 'both want a gradient', lambda a, b: F.l1_loss(a, b), [np.array([1.0, 2.0]), np.array([1.5, 1.0])],
         (0,))
    case('mse', 'both want a gradient', lambda a, b: F.mse_loss(a, b), [np.array([1.0, 2.0]), np.array([1.5, 1.0])],
         (0,))
    case('huber', 'both want a gradient', lambda a, b: F.huber_loss(a, b), [np.array([1.0, 4.0]),
                                                                            np.array([1.5, 1.0])], (0, 1.0))
    for delta in (1.0, 0.25):
        shapes_for('huber', lambda a, b, w: F.huber_loss(a, b, reduction=w, delta=delta), options=(delta,))
    case('huber', 'at the bounds', lambda a, b: F.huber_loss(a, b, reduction='none'),
         [np.array([1.0, -1.0, 0.0, 1e4, -1e4]), np.zeros(5)],
         (2, 1.0), const=(1,))

    def probability(r, s):
        return r(*s, low=0, high=1)
    shapes_for('kl_div', lambda a, b, w: F.kl_div(a, b, reduction=w), target=probability, x=lambda r,
               s: r(*s, low=-5, high=0))
    for shape in ((3, 5), (1, 4), (2, 3, 2)):
        r = Rnd('kl_div', 'batch', shape_name(shape))
        case('kl_div', '%s batchmean' % shape_name(shape), lambda a, b: F.kl_div(a, b, reduction='batchmean'),
             [r(*shape, low=-5, high=0), probability(r, shape)], (3,), const=(1,))
    case('kl_div', 'target 0 and 1', lambda a, b: F.kl_div(a, b, reduction='none'),
         [np.array([-1.0, -2.0, -1e4]), np.array([0.0, 1.0, 0.5])],
         (2,), const=(1,))

    def bce(x, y, p, word):  # PyTorch's own formula, without the steps that lose figures
        return reduced(y * softplus(-x) * (1 if p is None else p) + (1 - y) * softplus(x), word)
    for shape, pos in (((3, 5), None), ((3, 5), (5,)), ((3, 5), ()), ((2, 3, 4), (3, 1)), ((67,), None), ((), None),
                       ((0, 3), (3,)),
                       ((3, 5), (3, 5)), ((1, 1), (1,))):
        for reduction, word in enumerate(WORD[:3]):
            name = '%s %s%s' % (shape_name(shape), word, '' if pos is None else ', pos_weight ' + shape_name(pos))
            r = Rnd('bce', shape_name(shape))
            x, y = r(*shape, low=-4, high=4), probability(r, shape)
            p = None if pos is None else r(*pos, low=0.25, high=3)
            case('bce_with_logits', name, lambda *v: bce(v[0], v[1], v[2], word), [x, y, p], (reduction,),
                 const=(1, 2))
            if x.size:
                t = [None if v is None else torch.tensor(v) for v in (x, y, p)]
                theirs = F.binary_cross_entropy_with_logits(t[0], t[1], pos_weight=t[2], reduction=word)
                assert torch.allclose(theirs, bce(*t, word), rtol=1e-12), name
    x = np.array([1e4, 1e4, -1e4, -1e4, 0.0, 30.0, -30.0])
    for reduction, word in enumerate(WORD[:3]):
        case('bce_with_logits', 'extreme ' + word, lambda *v: bce(v[0], v[1], None, word),
             [x, np.array([1.0, 0, 1, 0, 0.5, 1, 0])],
             (reduction,), const=(1,))
    case('bce_with_logits', 'sure and right (beside one that is less so)', lambda *v: bce(v[0], v[1], None, 'none'),
         [np.array([30.0, -30.0, 25.0, -2.0]), np.array([1.0, 0, 1, 0])],
         (2,), const=(1,))


def reduced(loss, word):
    return {'mean': torch.mean, 'sum': torch.sum, 'none': lambda x: x}[word](loss)


def rows_of(x):
    return x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


def by_labels(f):
    """Classes are the last dimension here, PyTorch's second: so in rows."""
    def loss(x, weight, labels, word, ignore, smoothing):
        y = f(rows_of(x), torch.tensor(labels, dtype=torch.long), weight, word, ignore, smoothing)
        return y.reshape(x.shape[:-1]) if word == 'none' else y
    return loss


@by_labels
def cross_entropy(x, labels, weight, word, ignore, smoothing):
    return F.cross_entropy(x, labels, weight, reduction=word, ignore_index=ignore, label_smoothing=smoothing)


@by_labels
def nll(x, labels, weight, word, ignore, smoothing):
    return F.nll_loss(x, labels, weight, reduction=word, ignore_index=ignore)


def prob_entropy(x, target, weight, word, smoothing):
    y = F.cross_entropy(rows_of(x), rows_of(target), weight, reduction=word, label_smoothing=smoothing)
    return y.reshape(x.shape[:-1]) if word == 'none' else y


def make_class_losses():
    for shape, labels in (((3, 5), (4, 0, 2)), ((1, 1), (0,)), ((2, 2, 3), (0, 2, 1, 1)), ((5,), (3,)),
                          ((4, 67), (66, 0, 33, 1)),
                          ((0, 3), ()), ((37, 2), tuple(Rnd('labels').ids(37, 2)))):
        x = Rnd('cross_entropy', shape_name(shape))(*shape, low=-4, high=4)
        case('cross_entropy', shape_name(shape), lambda v: cross_entropy(v, None, labels, 'mean', -100, 0.0), [x],
             ids=labels)
    rows = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]])
    case('cross_entropy', 'extreme', lambda v: cross_entropy(v, None, (0, 1, 2, 0), 'mean', -100, 0.0), [rows],
         ids=(0, 1, 2, 0))
    case('cross_entropy', 'sure and right', lambda v: cross_entropy(v, None, (0, 1), 'mean', -100, 0.0),
         [np.array([[40.0, 0], [0, 40]])], ids=(0, 1))
    case('cross_entropy', 'all ignored', lambda v: cross_entropy(v, None, (-100,) * 3, 'mean', -100, 0.0), [rows[:3]],
         ids=(-100,) * 3)

    labels = (4, 0, 2, -100, 1, 2, 2)
    x = Rnd('cross_entropy', 'options')(7, 5, low=-4, high=4)
    weight = np.array([0.5, 2.0, 0.25, 1.0, 0.0])
    for op, f in (('cross_entropy_with', cross_entropy), ('nll', nll)):
        for (reduction, word), w, ignore, smoothing in itertools.product(enumerate(WORD[:3]), (None, weight),
                                                                         (-100, 2), (0.0, 0.25, 1.0)):
            if op == 'nll' and smoothing:
                continue
            ids = labels if ignore == -100 else tuple(2 if i == -100 else i for i in labels)
            name = '%s%s, ignore %d, smoothing %s' % (word, '' if w is None else ', weighted', ignore,
                                                      number(smoothing))
            case(op, name, lambda *v: f(v[0], v[1], ids, word, ignore, smoothing), [x, w],
                 (reduction, ignore, smoothing), ids=ids, const=(1,))
        for (reduction, word), smoothing, w in itertools.product(enumerate(WORD[:3]), (0.0, 0.25),
                                                                 (None, weight[:3])):
            if op == 'nll' and smoothing:
                continue
            tail = '%s%s, smoothing %s' % (word, '' if w is None else ', weighted', number(smoothing))
            options = (reduction, -1, smoothing)
            case(op, 'all ignored, ' + tail, lambda *v: f(v[0], v[1], (-1, -1), word, -1, smoothing), [x[:2, :3], w],
                 options, ids=(-1, -1),
                 const=(1,))
            case(op, 'no rows, ' + tail, lambda *v: f(v[0], v[1], (), word, -1, smoothing), [x[:0, :3], w], options,
                 ids=(), const=(1,))
            case(op, 'rank 3, ' + tail, lambda *v: f(v[0], v[1], (0, 2, 1, -1), word, -1, smoothing),
                 [x[:4, :3].reshape(2, 2, 3), w], options, ids=(0, 2, 1, -1), const=(1,))
            case(op, 'one row, ' + tail, lambda *v: f(v[0].reshape(1, 3), v[1], (2,), word, -1,
                                                      smoothing).reshape(() if word == 'none' else ()),
                 [x[0, :3], w], options, ids=(2,), const=(1,))
            if op == 'nll':
                continue
            case(op, 'extreme, ' + tail, lambda *v: f(v[0], v[1], (0, 1, 2, -1), word, -1, smoothing), [rows, w],
                 options, ids=(0, 1, 2, -1),
                 const=(1,))
        case(op, 'a mean of weights that are 0', lambda *v: f(v[0], v[1], (1,), 'mean', -100, 0.0),
             [x[:1, :2], np.array([1.0, 0.0])],
             (0, -100, 0.0), ids=(1,), const=(1,))
        case(op, 'an ignored label that would be a class', lambda *v: f(v[0], v[1], (0, 1, 0), 'mean', 0, 0.0),
             [x[:3, :2], None],
             (0, 0, 0.0), ids=(0, 1, 0))
    case('nll', 'minus infinity at another class', lambda v: nll(v, None, (0, 1), 'sum', -100, 0.0),
         [np.array([[-1.0, -INF], [-INF, -2.0]])],
         (1, -100, 0.0), ids=(0, 1))

    target = Rnd('target')(7, 5, low=0, high=1)
    for (reduction, word), w, smoothing in itertools.product(enumerate(WORD[:3]), (None, weight), (0.0, 0.25, 1.0)):
        tail = '%s%s, smoothing %s' % (word, '' if w is None else ', weighted', number(smoothing))
        options = (reduction, -100, smoothing)
        for name, logits, t in (('', x, target), ('one-hot, ', x[:5], np.eye(5)),
                                ('zeros, ', x[:2], np.zeros((2, 5))),
                                ('rank 3, ', x[:4].reshape(2, 2, 5), target[:4].reshape(2, 2, 5)),
                                ('one row, ', x[0], target[0])):
            if name and smoothing != 0.25:
                continue
            case('cross_entropy_prob', name + tail, lambda *v: prob_entropy(v[0], v[1], v[2], word, smoothing),
                 [logits, t, w], options,
                 const=(1, 2))
        case('cross_entropy_prob', 'extreme, ' + tail, lambda *v: prob_entropy(v[0], v[1], v[2], word, smoothing),
             [rows, target[:4, :3], None if w is None else w[:3]], options, const=(1, 2))
        case('cross_entropy_prob', 'no rows, ' + tail, lambda *v: prob_rows0(v[0], word),
             [x[:0, :3], target[:0, :3], None if w is None else w[:3]],
             options, const=(1, 2))


def prob_rows0(x, word):
    """No rows: a mean is 0/0, a sum 0 (PyTorch 1.13 refuses some of these)."""
    return {'mean': x.sum() * NAN, 'sum': x.sum(), 'none': x.sum(-1)}[word]


# ---- layers --------------------------------------------------------------------------------------------------------

def make_layers():
    def r(*shape):
        return Rnd('layers', shape_name(shape))(*shape)

    def module(make, *values):
        """The module's output with its parameters replaced: gradients go to values."""
        def f(*v):
            m = make()
            names = [name for name, _ in m.named_parameters()]
            return torch.nn.utils.stateless.functional_call(m, dict(zip(names, v[1:])), (v[0],))
        return f
    import torch.nn.utils.stateless
    for shape, out in (((4, 3), 5), ((2, 3, 4), 2), ((3,), 2), ((0, 3), 2)):
        n_in = shape[-1]
        case('nn_linear', shape_name(shape), module(lambda: torch.nn.Linear(n_in, out)),
             [r(*shape), r(out, n_in), r(out)])
        case('nn_linear_no_bias', shape_name(shape), module(lambda: torch.nn.Linear(n_in, out, bias=False)),
             [r(*shape), r(out, n_in)])
    for shape in ((4, 3), (2, 3, 4), (3,), (0, 3), (2, 67)):
        n = shape[-1]
        case('nn_layer_norm', shape_name(shape), module(lambda: torch.nn.LayerNorm(n)), [r(*shape), r(n), r(1, n)[0]])
    for shape in ((5, 3), (2, 3, 4), (0, 3), (1, 2, 5)):
        for mode, momentum in (('train', 0.1), ('train', 0.75), (None, 0.1)):
            n = shape[1]
            running = [r(1, n)[0], np.abs(r(2, n)[1]) + 0.25, np.array(41.0)]
            moved = [torch.tensor(v) for v in running[:2]]
            x = r(*shape) * 1.5
            if mode:
                F.batch_norm(torch.tensor(x), *moved, training=True, momentum=momentum)
            case('nn_batch_norm1d', '%s, momentum %s, %s' % (shape_name(shape), number(momentum), mode or 'not training'),
                 lambda v, w, b, m, s, c: F.batch_norm(v, m.clone(), s.clone(), w, b, training=bool(mode)),
                 [x, r(n), r(3, n)[2]] + running, (momentum,), const=(3, 4, 5), mode=mode,
                 after={3: moved[0], 4: moved[1], 5: running[2] + bool(mode)})
    make_transformer(module)
    for p, mode in ((0.5, None), (1.0, 'train'), (0.0, 'train')):
        case('nn_dropout', 'p %s %s' % (number(p), mode or 'not training'),
             lambda v: F.dropout(v, p, training=bool(mode)), [r(3, 5)], (p,),
             mode=mode)
    ids, offsets = (3, 1, 1, 0, 4, 1), (0, 0, 2, 5)
    i, o = torch.tensor(ids), torch.tensor(offsets)
    for padding in (NONE, 1, -1):
        p = None if math.isnan(padding) else int(padding)
        table = r(5, 3)
        if p is not None:
            table[p] = 0  # as nn.Embedding has it
        name = 'no padding' if p is None else 'padding %d' % p

        def with_table(make):
            def f(w):
                return torch.nn.utils.stateless.functional_call(make(), {'weight': w}, (i, o) if 'Bag' in repr(make())
                                                                else (i,))
            return f
        case('nn_embedding', name, with_table(lambda: torch.nn.Embedding(5, 3, padding_idx=p)), [table], (padding,),
             ids=ids)
        case('nn_embedding_init_from', name, with_table(lambda: torch.nn.Embedding(5, 3, padding_idx=p)), [r(5, 3)],
             (padding,), ids=ids)
        case('nn_embedding_mean', name, with_table(lambda: torch.nn.EmbeddingBag(5, 3, padding_idx=p)), [table],
             (padding,), ids=ids,
             offsets=offsets)
        for mode, word in enumerate(WORD[:2] + ('max',)):
            layer = with_table(lambda: torch.nn.EmbeddingBag(5, 3, mode=word, padding_idx=p))
            case('nn_embedding_bag', word + ', ' + name, layer, [table],
                 (padding, mode), ids=ids, offsets=offsets)


def make_transformer(module):
    for batch, steps, length, dim in ((2, 3, 5, 4), (1, 4, 4, 1), (3, 1, 2, 3), (0, 2, 2, 2)):
        name = '%d of %d, %d' % (steps, length, dim)
        r = Rnd('positional', name)
        case('nn_positional', name, lambda x, w: x + F.embedding(torch.arange(steps), w), [r(batch, steps, dim),
                                                                                          r(length, dim)])
        place = torch.arange(length)[:, None] * 10000.0 ** (-(torch.arange(dim) // 2 * 2) / dim)
        table = torch.where(torch.arange(dim) % 2 == 0, place.sin(), place.cos())
        case('nn_sinusoids', name, lambda x: x + table, [r(batch, length, dim)])

    def masks(steps, causal, padding):
        """PyTorch's: true where a query may not look."""
        return dict(attn_mask=torch.ones(steps, steps).triu(1) > 0 if causal else None,
                    key_padding_mask=None if padding is None else torch.tensor(padding) == 0)

    def attention_layer(heads, causal, padding):
        def f(x, w, b, out_w, out_b, mask=None, memory=None):
            m = torch.nn.MultiheadAttention(x.shape[2], heads, batch_first=True)
            values = dict(zip([n for n, _ in m.named_parameters()], (w, b, out_w, out_b)))
            y = x if memory is None else memory
            options = dict(masks(x.shape[1], causal, padding), need_weights=False)
            return torch.nn.utils.stateless.functional_call(m, values, (x, y, y), options)[0]
        return f
    pad = ((1, 1, 1, 0, 0), (1, 1, 1, 1, 1))
    for shape, heads, source, causal, padding in (((2, 5, 4), 2, 0, False, None), ((2, 5, 4), 2, 0, True, None),
                                                  ((2, 5, 6), 3, 0, False, pad), ((2, 5, 6), 1, 0, True, pad),
                                                  ((2, 3, 4), 2, 5, False, pad), ((2, 3, 4), 4, 2, False, None),
                                                  ((1, 1, 1), 1, 0, True, None)):
        name = '%s %d heads, source %d%s%s' % (shape_name(shape), heads, source, ', causal' if causal else '',
                                               ', padding' if padding else '')
        r, d = Rnd('multihead', name), shape[2]
        inputs = [r(*shape), r(3 * d, d, low=-1, high=1), r(3 * d), r(d, d, low=-1, high=1), r(d)]
        inputs.append(None if padding is None else np.array(padding, dtype=float)[:, None, None])
        inputs.append(r(2, source, d) if source else None)
        case('nn_multihead_attention', name, attention_layer(heads, causal, padding), inputs, (heads, causal), const=(5,))

    def block(heads, norm_first, activation, causal, padding):
        def f(*v):
            x, mask = v[0], masks(v[0].shape[1], causal, padding)
            m = torch.nn.TransformerEncoderLayer(x.shape[2], heads, v[5].shape[0], 0.0, activation, 1e-5, True, norm_first)
            values = dict(zip([n for n, _ in m.named_parameters()], v[1:13]))
            options = dict(src_mask=mask['attn_mask'], src_key_padding_mask=mask['key_padding_mask'])
            return torch.nn.utils.stateless.functional_call(m, values, (x,), options)
        return f
    for norm_first, activation, causal, padding in ((False, 'relu', False, None), (True, 'relu', False, pad),
                                                    (False, 'gelu', True, None), (True, 'gelu', True, pad)):
        name = '%s, %s%s%s' % ('norms first' if norm_first else 'norms last', activation, ', causal' if causal else '',
                               ', padding' if padding else '')
        r, d, hidden = Rnd('transformer', name), 4, 6
        inputs = [r(2, 5, d), r(3 * d, d, low=-1, high=1), r(3 * d), r(d, d, low=-1, high=1), r(d), r(hidden, d), r(hidden),
                  r(d, hidden), r(d), r(d), r(d), r(d), r(d)]
        inputs.append(None if padding is None else np.array(padding, dtype=float)[:, None, None])
        case('nn_transformer_block', name, block(2, norm_first, activation, causal, padding), inputs,
             (2, norm_first, activation == 'gelu', causal), const=(13,))


# ---- optimisers ----------------------------------------------------------------------------------------------------

STEPS = (1, 2, 10, 20)
RULES = [  # name, torch class, options as PyTorch names them; the C side reads the numbers in the order of ORDER
    ('sgd', torch.optim.SGD, dict()), ('sgd', torch.optim.SGD, dict(lr=0.1)), ('sgd', torch.optim.SGD,
                                                                               dict(lr=0.1, weight_decay=0.1)),
    ('sgd', torch.optim.SGD, dict(lr=0.1, momentum=0.9)), ('sgd', torch.optim.SGD,
                                                           dict(lr=0.1, momentum=0.9, dampening=0.5)),
    ('sgd', torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=1)),
    ('sgd', torch.optim.SGD, dict(lr=0.1, momentum=0.5, nesterov=1, weight_decay=0.25)),
    ('sgd', torch.optim.SGD, dict(lr=0.1, momentum=0.5, dampening=0.25, weight_decay=0.25)),
         ('sgd', torch.optim.SGD, dict(lr=0.0)),
    ('adam', torch.optim.Adam, dict()), ('adam', torch.optim.Adam, dict(lr=0.1)),
         ('adam', torch.optim.Adam, dict(lr=0.1, weight_decay=0.1)),
    ('adam', torch.optim.Adam, dict(lr=0.1, amsgrad=1)), ('adam', torch.optim.Adam,
                                                          dict(lr=0.1, amsgrad=1, weight_decay=0.1, beta2=0.9)),
    ('adam', torch.optim.Adam, dict(lr=0.1, beta1=0.5, beta2=0.75, eps=0.125)),
         ('adam', torch.optim.Adam, dict(lr=0.1, beta1=0.0)),
    ('adamw', torch.optim.AdamW, dict()), ('adamw', torch.optim.AdamW, dict(lr=0.1, weight_decay=0.5)),
    ('adamw', torch.optim.AdamW, dict(lr=0.1, weight_decay=0.5, amsgrad=1)), ('adamw', torch.optim.AdamW,
                                                                              dict(lr=0.1, weight_decay=0.0)),
    ('adagrad', torch.optim.Adagrad, dict()), ('adagrad', torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.25)),
    ('adagrad', torch.optim.Adagrad, dict(lr=0.1, initial_accumulator=0.5)), ('adagrad', torch.optim.Adagrad,
                                                                              dict(lr=0.1, weight_decay=0.25)),
    ('adagrad', torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.125, initial_accumulator=0.25, weight_decay=0.5,
                                          eps=0.125)),
    ('rmsprop', torch.optim.RMSprop, dict()), ('rmsprop', torch.optim.RMSprop, dict(lr=0.1, alpha=0.5)),
    ('rmsprop', torch.optim.RMSprop, dict(lr=0.05, momentum=0.9)), ('rmsprop', torch.optim.RMSprop,
                                                                    dict(lr=0.05, centered=1)),
    ('rmsprop', torch.optim.RMSprop, dict(lr=0.05, weight_decay=0.25)),
    ('rmsprop', torch.optim.RMSprop, dict(lr=0.05, momentum=0.5, centered=1, weight_decay=0.25, eps=0.125)),
    ('sparse_adam', torch.optim.SparseAdam, dict()), ('sparse_adam', torch.optim.SparseAdam, dict(lr=0.1)),
    ('sparse_adam', torch.optim.SparseAdam, dict(lr=0.1, beta1=0.5, beta2=0.75, eps=0.125))]
ORDER = {'sgd': dict(lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=0),
         'adam': dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, amsgrad=0),
         'adagrad': dict(lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator=0, eps=1e-10),
         'rmsprop': dict(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=0)}
ORDER['adamw'] = dict(ORDER['adam'], weight_decay=1e-2)
ORDER['sparse_adam'] = ORDER['adam']


def settings(rule, options):
    return list(dict(ORDER[rule], **options).values())


def rule_name(rule, options):
    return ' '.join([rule] + ['%s=%s' % (k, number(v)) for k, v in options.items()] or ['defaults'])


def make_rule(cls, options, params):
    o = dict(options)
    if 'beta1' in o or 'beta2' in o:
        o['betas'] = (o.pop('beta1', 0.9), o.pop('beta2', 0.999))
    if 'initial_accumulator' in o:
        o['initial_accumulator_value'] = o.pop('initial_accumulator')
    for flag in ('nesterov', 'amsgrad', 'centered'):
        if flag in o:
            o[flag] = bool(o[flag])
    o.setdefault('lr', ORDER_LR[cls])
    return cls(params, **o)


ORDER_LR = {torch.optim.SGD: 1e-3, torch.optim.Adam: 1e-3, torch.optim.AdamW: 1e-3, torch.optim.SparseAdam: 1e-3,
            torch.optim.Adagrad: 1e-2,
            torch.optim.RMSprop: 1e-2}


def raw(op, name, arrays, options=()):
    lines = ['case ' + name]
    if len(options):
        lines.append('options ' + ' '.join(number(o) for o in options))
    for head, x in arrays:
        lines += array(head, x, result if head.startswith(('grad', 'after')) else number)
    files.setdefault(op, []).append('\n'.join(lines + ['end']))


def make_optim():
    make_dense()
    make_rows()
    make_tied()


def make_dense():
    """w gets a gradient at each of 20 steps, b at the odd ones only: a parameter without a gradient is skipped."""
    r = Rnd('optim dense')
    w, b, gw, gb = r(2, 3), r(3), r(20, 2, 3), r(20, 3)
    gw[4], gw[11:13, 0] = 0, 0  # a zero gradient still moves momentum and decay
    raw('optim_dense', 'the gradients', [('in 0 grad', w), ('in 1 grad', b), ('in 2 const', gw), ('in 3 const', gb)])
    for rule, cls, options in RULES:
        p = [torch.nn.Parameter(torch.tensor(w)), torch.nn.Parameter(torch.tensor(b))]
        opt = make_rule(cls, options, p)
        kept = []
        for step in range(20):
            for q, g in zip(p, (gw, gb)):
                q.grad = torch.tensor(g[step])
                if rule == 'sparse_adam':  # wants sparse ones: with every row touched
                    q.grad = q.grad.to_sparse(1)
                    if not q.grad._nnz() == q.shape[0]:
                        q.grad = torch.sparse_coo_tensor(torch.arange(q.shape[0])[None], torch.tensor(g[step]),
                                                         q.shape)
            if step % 2:
                p[1].grad = None
            opt.step()
            if step + 1 in STEPS:
                kept.append([q.detach().clone().numpy() for q in p])
        raw('optim_dense', rule_name(rule, options), [('grad 0', np.stack([k[0] for k in kept])),
                                                      ('grad 1', np.stack([k[1] for k in kept]))],
            settings(rule, options))


def make_rows():
    """A table of 7 rows whose rows are touched in a pattern: row 6 never, row 5 at step 15 alone, ids repeated."""
    r = Rnd('optim rows')
    table, dy = r(7, 3), r(20, 4, 3)
    ids = r.r.randint(0, 5, size=(20, 4))
    ids[3], ids[14, 1] = 2, 5
    ids[15:] %= 3
    raw('optim_rows', 'the gradients', [('in 0 grad', table), ('in 1 const', dy), ('ids', ids.reshape(-1))])
    for rule, cls, options in RULES:
        keeps_rows = rule == 'sparse_adam' or (rule in ('sgd', 'adagrad')
                                               and not (options.get('momentum') or options.get('weight_decay')))
        w = torch.nn.Parameter(torch.tensor(table))
        opt = make_rule(cls, options, [w])
        kept = []
        for step in range(20):
            opt.zero_grad(set_to_none=True)
            y = F.embedding(torch.tensor(ids[step]), w, sparse=keeps_rows)
            y.backward(torch.tensor(dy[step]))
            opt.step()
            if step + 1 in STEPS:
                kept.append(w.detach().clone().numpy())
        raw('optim_rows', rule_name(rule, options), [('grad 0', np.stack(kept))], settings(rule, options))


def make_tied():
    """One table with several uses: its gradient, and the table after each of two steps of a rule."""
    r = Rnd('optim tied')
    table, x = r(6, 4), r(3, 4)
    ids, more, labels = np.array([4, 1, 1]), np.array([1, 5, 4, 4]), np.array([2, 0, 5])
    raw('optim_tied', 'the inputs', [('in 0 grad', table), ('in 1 const', x), ('ids',
                                                                               np.concatenate([ids, more, labels]))])
    ids, more, labels, x = (torch.tensor(v) for v in (ids, more, labels, x))

    def look(w, i):
        return torch.square(F.embedding(i, w)).sum()

    def out(w, h):
        return F.cross_entropy(h @ w.T, labels)
    losses = [('looked up twice on one tape', lambda w: look(w, ids) + look(w, more)),
              ('looked up on two tapes before a step', lambda w: look(w, ids) + look(w, more)),
              ('tied to the output, lookup first', lambda w: out(w, F.embedding(ids, w))),
              ('tied to the output, lookup last', lambda w: out(w, x) + look(w, more)),
              ('output and lookup on two tapes', lambda w: out(w, x) + look(w, more)),
              ('lookup and output on two tapes', lambda w: out(w, x) + look(w, more)),
              ('lookup, output and lookup', lambda w: out(w, F.embedding(ids, w)) + look(w, more)),
              ('a bag, a lookup and rows gathered', lambda w: look(w, ids) + torch.square(F.embedding_bag(
                  more, w, torch.tensor([0, 1]), mode='mean')).sum() + torch.square(w.index_select(0, labels)).sum())]
    for name, loss in losses:
        for rule, cls, options in (('sgd', torch.optim.SGD, dict(lr=0.1)), ('adagrad', torch.optim.Adagrad,
                                                                            dict(lr=0.1)),
                                   ('adam', torch.optim.Adam, dict(lr=0.1))):
            w = torch.nn.Parameter(torch.tensor(table))
            opt = make_rule(cls, options, [w])
            grads, values = [], []
            for _ in range(2):
                opt.zero_grad(set_to_none=True)
                loss(w).backward()
                grads.append(w.grad.clone().numpy())
                opt.step()
                values.append(w.detach().clone().numpy())
            raw('optim_tied', name + ': ' + rule_name(rule, options), [('grad 0', np.stack(grads)),
                                                                       ('after 0', np.stack(values))],
                settings(rule, options))


# ---- all of it -----------------------------------------------------------------------------------------------------

def main(names):
    for make in (make_unary, make_binary, make_reductions, make_products, make_convolutions, make_shapes, make_embedding,
                 make_recurrent, make_attention, make_norms, make_losses, make_layers, make_optim):
        make()
    size = 0
    for op, cases in files.items():
        text = '# %s: by make_golden.py, PyTorch %s, float64\n\n%s\n' % (op, torch.__version__, '\n\n'.join(cases))
        size += len(text)
        if not names or op in names:
            with open(os.path.join(HERE, op + '.txt'), 'w') as f:
                f.write(text)
    print('%d files, %d cases, %d bytes' % (len(files), sum(len(c) for c in files.values()), size))


main(sys.argv[1:])
