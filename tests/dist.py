"""Joins the library into one pair of files, tarn.h and tarn.c, in the folder that is named.

A name that two files have for themselves gets the file's name behind it, by #define around the file. The kernels are there
once per instruction set, all of their names with the set's name behind them."""
import collections, glob, os, re, sys

BEGIN = """\
/* tarn.c: the library in one file, from its sources: cc -O2 -c tarn.c. With -DTN_DOUBLE it is the one in double precision. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("O3", "fp-contract=off", "no-math-errno", "no-trapping-math")
#endif
#include "tarn.h"
{0}
#ifdef __x86_64__
#include <immintrin.h>
#endif
#ifdef __GLIBC__ /* POSIX's strerror_r, not GNU's */
extern int __xpg_strerror_r(int, char *, size_t);
#define strerror_r __xpg_strerror_r
#endif
"""
TARGET = """
#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("{target}"))), apply_to = function)
{macros}
#else
#pragma GCC push_options
#pragma GCC target("{target},{gcc}")
#endif
{text}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
"""
AVX2, AVX512 = "avx2,fma", "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def joined(path, seen):
    """path's text, the headers of ours that nobody has seen in their places."""
    def header(match):
        found = [h for folder in (os.path.dirname(path), "src", "include") if os.path.exists(h := os.path.join(folder, match[1]))]
        if not found:
            return match[0]
        if found[0] in seen:
            return ""
        seen.add(found[0])
        return joined(found[0], seen)
    text = re.sub(r'^#include [<"](.*)[>"].*\n', header, read(path), flags=re.M)
    return f"\n/* ---- {path} ---- */\n" + re.sub(r"^#define _(GNU|XOPEN)_SOURCE.*\n", "", text, flags=re.M)


def joined_once(headers, seen):
    text = ""
    for h in headers:
        if h not in seen:
            seen.add(h)
            text += joined(h, seen)
    return text


def own_names(text):
    """What text defines at its outermost level and does not export."""
    text = re.sub(r"/\*.*?\*/|__attribute__\(\(.*?\)\)(?=[ ;\n])", "", text, flags=re.S)
    names = re.findall(r"^(?:static|INLINE|SELDOM|TN__INLINE)\b[^;={(\n]*?\b(\w+)(?:\[[^;=\n]*)?\s*[=;({]", text, re.M)
    names += re.findall(r"^typedef [^;{(]*\(\*(\w+)\)|^typedef [^;{(]*?\b(\w+)\s*(?:\([^;{]*\)|\[.*\])?;", text, re.M)
    names += re.findall(r"^} (\w+)\b", text, re.M)
    names += [n for line in re.findall(r"^static const [^{;]*;", text, re.M) for n in re.findall(r", (\w+) =", line)]
    names += re.findall(r"^(?:typedef )?(?:struct|enum|union) (\w+) {", text, re.M)
    for body in re.findall(r"^(?:typedef )?enum (?:\w+ )?{(.*?)}", text, re.M | re.S):
        names += re.findall(r"(?:^|,)\s*(\w+)", body)
    names = [n for found in names for n in ([found] if isinstance(found, str) else found)]
    return {n for n in names if n and not re.match("(tn|nn|optim)_|(optim|struct|TN_K)$", n)}


def renamed(text, names, to):
    """text with other names for these, wherever they are not a member's, in a comment or in a string."""
    if not names:
        return text
    text = re.sub(r"\b(?:struct|union)\b[^;{}()]*{[^{}]*}", # a member's declaration
                  lambda m: re.sub(r"\b\w+(?=\)\(|(?:\[[^]]*\])*\s*[;,])", "\1\\g<0>", m[0]), text)
    token = rf'\x01\w+|"(?:\\.|[^"\\\n])*"|/\*.*?\*/|(?:\.|->)\s*\w+|\b(?:{"|".join(sorted(names))})\b'
    return re.sub(token, lambda m: to.format(m[0]) if m[0] in names else m[0], text, flags=re.S).replace("\1", "")


def forgotten(text):
    """text, and its macros forgotten behind it."""
    return text + "".join(f"#undef {m}\n" for m in sorted(set(re.findall(r"^ *# *define (\w+)", text, re.M))))


def kernels(sources, seen):
    headers = [h for s in sources for h in re.findall(r'#include "(.*)"', read(s))]
    text = joined_once([os.path.join("src/kernels", h) for h in headers], seen)
    text += "".join(forgotten(joined(s, seen)) for s in sources)
    names = own_names(text)
    yield forgotten("#define TN_ISA base\n" + renamed(text, names, "{}_base"))
    for isa, target, gcc in (("avx2", AVX2, "prefer-vector-width=256"), ("avx512", AVX512, "prefer-vector-width=512")):
        macros = "\n".join(f"#ifndef __{m}__\n#define __{m}__ 1\n#endif" for m in target.upper().split(","))
        yield TARGET.format(target=target, gcc=gcc, macros=macros, 
                            text=forgotten(f"#define TN_ISA {isa}\n" + renamed(text, names, "{}_" + isa)))


def library():
    hot = sorted(set(glob.glob("src/kernels/*.c")) - {"src/kernels/dispatch.c"})
    rest = sorted(glob.glob("src/*.c") + glob.glob("src/ops/*.c")) + ["src/kernels/dispatch.c"]
    rest += sorted(glob.glob("nn/*.c") + glob.glob("optim/*.c"))
    seen = set(glob.glob("include/tarn/*.h"))
    text = joined_once(sorted(glob.glob("src/*.h") + glob.glob("src/ops/*.h")) + ["src/kernels/gemm.h"], seen)
    system = sorted({i for f in hot + rest for i in re.findall(r"^#include <(?!tarn/|immintrin|sanitizer).*?>", read(f), re.M)})
    yield BEGIN.format("\n".join(system)) + text
    yield from kernels(hot, seen)
    texts = {f: joined(f, seen) for f in rest}
    known = collections.Counter(n for t in [text, *texts.values()] for n in own_names(t))
    known += collections.Counter(n for h in hot for n in own_names(read(h)))
    for f, t in texts.items():
        yield forgotten(renamed(t, {n for n in own_names(t) if known[n] > 1}, "{}_in_" + os.path.basename(f)[:-2]))


os.makedirs(sys.argv[1], exist_ok=True)
with open(os.path.join(sys.argv[1], "tarn.h"), "w", encoding="utf-8") as out:
    out.write(joined("include/tarn/tarn.h", set()))
with open(os.path.join(sys.argv[1], "tarn.c"), "w", encoding="utf-8") as out:
    out.writelines(library())
