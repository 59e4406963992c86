"""No failure that a header speaks of lacks its row in the tests' tables of misuses, and no row speaks of another.

    python3 tests/misuse.py         prints what is missing
    python3 tests/misuse.py --list  prints what the headers say

The headers state a failure by one phrase for each code, "Shape error: cause; cause.", or by reference, "Errors: cause;
cause." (as tn_save's). A declaration's own comment speaks for it, one above a paragraph for all of it, the one at a file's
head for every function of the file; "(it names ...)" is no part of a cause. A row begins with its misuse, "function: cause" (for a file's head "ops.h: cause"), and
then comes its code: in a table, or in ck_misuse, of a file that names the function.

Each pointer that a public function takes is NULL in a call that ck_refuses, ck_ignores, ck_skips or ck_takes; but for the ops
and layers in the tables of test_misuse_ops.c and test_misuse_layers.c, which try it for each of them.
"""
import glob
import re
import sys

from docs import Header

CODES = {"Shape": "TN_ESHAPE", "Index": "TN_EINDEX", "Memory": "TN_EMEMORY", "Io": "TN_EIO", "Format": "TN_EFORMAT",
         "Nonfinite": "TN_ENONFINITE", "Usage": "TN_EUSAGE"}
PHRASE = re.compile(r"\b(?:(%s) error|Errors): (.*?)(?=\.(?:\s|$)|$)" % "|".join(CODES))
IRREGULAR = re.compile(r"\b(?:shape|index|memory|io|nonfinite|usage)(?: error\b|: )|\bformat error|\b(?:%s): |\b[Ff]ails on"
                       % "|".join(CODES))
STRING = r'"((?:[^"\\]|\\.)*)"'
NULLS = ("ck_refuses", "ck_ignores", "ck_skips", "ck_takes")


def words(comment):
    """A comment's text in one line."""
    return " ".join(re.sub(r"^\s*/\*|\*/\s*$|^ \* ?", "", line) for line in comment.split("\n")).strip()


class Declarations(Header):
    """Of a header: what each comment says of which function, and each function's pointers."""

    def __init__(self, path):
        super().__init__(path)
        self.name = path.split("/")[-1]
        self.said, self.pointers, self.texts = [], {}, []

    def say(self, functions, comment):
        text = " ".join(words(comment).split())
        self.texts.append(text)
        for match in PHRASE.finditer(text):
            for cause in re.sub(r" \((?:it|the text) [^)]*\)", "", match[2]).split(";"):
                for function in functions:
                    self.said.append((function, CODES.get(match[1]), " ".join(cause.split())))

    def read(self):
        source = "\n".join(self.lines)
        head = re.match(r"/\*.*?\*/", source, re.S)
        self.say([self.name], head[0])
        for paragraph in re.split(r"\n\s*\n", source[head.end():]):
            self.read_paragraph(paragraph)
        return self

    def read_paragraph(self, text):
        above, functions, at = [], [], 0
        for item in re.finditer(r"/\*(?! ----).*?\*/|^[a-z](?:[^;{/]|\{[^}]*\})*;", text, re.S | re.M):
            found = re.search(r"(?<![\w(])(\w+)\(([^;{]*)\)[^;()]*;$|(?<![\w(])(\w+)\(([^;]*?)\) TN_PRINTF", item[0], re.S)
            line = text[text.rfind("\n", 0, item.start()) + 1:item.start()]
            if not item[0].startswith("/*"):
                if found and not item[0].startswith("typedef"):
                    name, parameters = (found[1], found[2]) if found[1] and found[1] != "TN_PRINTF" else (found[3], found[4])
                    functions.append(name)
                    self.pointers[name] = pointers_of(parameters)
            elif line.strip() or line.startswith("  "):
                self.say(functions[-1:] if functions else [], item[0])
            else:
                above.append((len(functions), item[0]))
        for begin, comment in above:
            self.say(functions[begin:], comment)


def pointers_of(parameters):
    return [i for i, p in enumerate(split(parameters)) if "*" in p]


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
        for text in h.texts:
            for irregular in IRREGULAR.finditer(text):
                yield f"{h.path}: not \"Code error: cause; cause.\": ...{text[max(0, irregular.start() - 40):irregular.end() + 20]}..."
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
