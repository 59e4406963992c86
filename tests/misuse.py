"""No failure that a header speaks of lacks its row in the tests' tables of misuses, and no row speaks of another.

    python3 tests/misuse.py         prints what is missing
    python3 tests/misuse.py --list  prints what the headers say

The headers state a failure by one phrase for each code, "Shape error: cause; cause.", or by reference, "Errors: cause;
cause." (as tn_save's). A declaration's own comment speaks for it, one above a paragraph for all of it, the one at a file's
head for every function of the file; "(it names ...)" is no part of a cause. A row begins with its misuse, "function: cause"
(for a file's head "ops.h: cause"), and then comes its code: in a table, or in ck_misuse, of a file that names the function.

Each pointer that a public function takes is NULL in a call that ck_refuses, ck_ignores, ck_skips or ck_takes; but for the ops
and layers in the tables of test_misuse_ops.c and test_misuse_layers.c, which try it for each of them.
"""
import glob
import re
import sys

CODES = {"Shape": "TN_ESHAPE", "Index": "TN_EINDEX", "Memory": "TN_EMEMORY", "Io": "TN_EIO", "Format": "TN_EFORMAT",
         "Nonfinite": "TN_ENONFINITE", "Usage": "TN_EUSAGE"}
PHRASE = re.compile(r"\b(?:(%s) error|Errors): (.*?)(?=\.(?:\s|$)|$)" % "|".join(CODES))
IRREGULAR = re.compile(r"\b(?:shape|index|memory|io|nonfinite|usage)(?: error\b|: )|\bformat error|\b(?:%s): |\b[Ff]ails on"
                       % "|".join(CODES))
STRING = r'"((?:[^"\\]|\\.)*)"'
NULLS = ("ck_refuses", "ck_ignores", "ck_skips", "ck_takes")


def words(comment):
    """A comment's text in one line."""
    return " ".join(" ".join(re.sub(r"^\s*/\*|\*/\s*$|^ \* ?", "", line) for line in comment.split("\n")).split())


class Declarations:
    """Of a header: what each comment says of which function, and each function's pointers."""

    def __init__(self, path):
        self.path = path
        self.said, self.pointers, self.wrong = [], {}, []

    def say(self, functions, comment):
        text = words(comment)
        for match in PHRASE.finditer(text):
            if not functions:
                self.wrong.append(f"of no function: {match[0]}")
            for cause in re.sub(r" \((?:it|the text) [^)]*\)", "", match[2]).split(";"):
                self.said += [(function, CODES.get(match[1]), cause.strip()) for function in functions]
        for irregular in IRREGULAR.finditer(text):
            around = text[max(0, irregular.start() - 40):irregular.end() + 20]
            self.wrong.append(f"not \"Code error: cause; cause.\": ...{around}...")

    def read(self):
        source = open(self.path, encoding="utf-8").read()
        head = re.match(r"/\*.*?\*/", source, re.S)
        self.say([self.path.split("/")[-1]], head[0])
        for paragraph in re.split(r"\n\s*\n", source[head.end():]):
            self.read_paragraph(paragraph)
        return self

    def read_paragraph(self, text):
        above, functions = [], []
        for item in re.finditer(r"/\*(?! ----).*?\*/|^[a-z](?:[^;{/]|\{[^}]*\})*;", text, re.S | re.M):
            before = text[text.rfind("\n", 0, item.start()) + 1:item.start()]
            if not item[0].startswith("/*"):
                functions += self.read_declaration(item[0])
            elif before:
                self.say(functions[-1:], item[0])
            else:
                above.append((len(functions), item[0]))
        for begin, comment in above:
            self.say(functions[begin:], comment)

    def read_declaration(self, text):
        found = re.match(r"(?!typedef|struct|enum)[^({]*?(\w+)\((.*)\);$", re.sub(r" TN_PRINTF\(.*?\)", "", text), re.S)
        if not found:
            return []
        self.pointers[found[1]] = [i for i, parameter in enumerate(split(found[2])) if "*" in parameter]
        return [found[1]]


def split(arguments):
    """At the commas that stand in no brackets and no string."""
    parts, depth = [""], 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|.', arguments, re.S):
        depth += (token in "([{") - (token in ")]}")
        if token == "," and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [p.strip() for p in parts]


def call_of(text):
    """The arguments of the call whose opening bracket text begins behind."""
    depth = 1
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if not depth:
            return text[:token.start()]
    return text


def rows_of(source):
    named = set(re.findall(r"\w+", re.sub(STRING, "", source)))
    for match in re.finditer(r"(?:\{|ck_misuse\()\s*" + STRING + r",[^;]*?\b(TN_E[A-Z]+)\b", source):
        what = re.match(r"((?:tn|nn|optim)_\w+|\w+\.h): (.*)", match[1])
        if what and (what[1] in named or what[1].endswith(".h")):
            yield what[1], match[2], what[2]


def nulls_of(source):
    for check in re.finditer(r"\b(?:%s)\(" % "|".join(NULLS), source):
        text = call_of(source[check.end():])
        for call in re.finditer(r"\b((?:tn|nn|optim)_\w+)\(", text):
            for i, argument in enumerate(split(call_of(text[call.end():]))):
                if argument == "NULL" or argument.endswith(")NULL"):
                    yield call[1], i


def inherited(said):
    """The causes that a function has by reference, with the code and the reference."""
    own = {}
    for function, code, cause in said:
        own.setdefault(function, []).append((code, cause))
    for function, code, cause in said:
        for of in own.get(cause[:-2], []) if code is None and cause.endswith("'s") else []:
            yield (function, *of), cause


def missing(headers, sources):
    said = {s for h in headers for s in h.said}
    rows = {r for s in sources for r in rows_of(s)}
    nulls = {n for s in sources for n in nulls_of(s)}
    tried = {name for s in sources for name in re.findall(r'^    \{"((?:tn|nn)_\w+)"', s, re.M)}
    by_reference = dict(inherited(said))
    cited = {(function, cause) for function, _, cause in rows} | {(r[0], by_reference[r]) for r in rows if r in by_reference}
    for h in headers:
        yield from (f"{h.path}: {wrong}" for wrong in h.wrong)
    for function, code, cause in sorted(said, key=str):
        if (function, code, cause) not in rows and not (code is None and (function, cause) in cited):
            yield f"no row: {function}: {cause}: {code or 'the code of that'}"
    for function, code, cause in sorted(rows):
        if not {(function, code, cause), (function, None, cause)} & said and (function, code, cause) not in by_reference:
            yield f"in no header: {function}: {cause}: {code}"
    for h in headers:
        for function, pointers in h.pointers.items():
            for i in pointers:
                if function not in tried and (function, i) not in nulls:
                    yield f"never NULL: {function}, argument {i}"


def main():
    headers = [Declarations(path).read() for path in sorted(glob.glob("include/tarn/*.h"))]
    if "--list" in sys.argv:
        for h in headers:
            for function, code, cause in h.said:
                print(f"{function}: {cause}: {code}")
        return 0
    sources = [open(path, encoding="utf-8").read() for path in sorted(glob.glob("tests/*.c"))]
    wrong = list(missing(headers, sources))
    checks = sum(len(h.said) + sum(map(len, h.pointers.values())) for h in headers)
    print("\n".join(wrong + [f"Checks: {checks}, Failures: {len(wrong)}, Errors: 0"]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
