"""make docs: the public headers, and README.md, as pages by Doxygen.

    python3 tests/docs.py FOLDER        checks that every declaration has a comment, then writes FOLDER/html
    python3 tests/docs.py --filter FILE what Doxygen reads in place of a header

The headers' comments are plain. One above a paragraph speaks for its first declaration and for those that follow without
one of their own; one behind a declaration, or alone and indented on the next line, speaks for that one. A struct's comment
speaks for its fields, and each may have its own. Names of the library in a comment become links, and one that does not
exist is an error.
"""
import glob
import re
import subprocess
import sys

DOXYFILE = """
PROJECT_NAME = tarn
INPUT = README.md include/tarn
USE_MDFILE_AS_MAINPAGE = README.md
IMAGE_PATH = .
FILTER_PATTERNS = "*.h={python} {script} --filter"
OUTPUT_DIRECTORY = {folder}
STRIP_FROM_INC_PATH = include
GENERATE_LATEX = NO
OPTIMIZE_OUTPUT_FOR_C = YES
TYPEDEF_HIDES_STRUCT = YES
EXTRACT_ALL = YES
JAVADOC_AUTOBRIEF = YES
SORT_MEMBER_DOCS = NO
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = "TN_PRINTF(a,b)=" "__GNUC__=1"
EXCLUDE_SYMBOLS = TN__*
SOURCE_BROWSER = YES
HAVE_DOT = NO
VERBATIM_HEADERS = YES
QUIET = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
"""
NAME = re.compile(r"(?<![\w.])((?:tn|nn|optim)_[a-z0-9_]*[a-z0-9]|TN_[A-Z0-9_]*[A-Z0-9])(?![\w*(])")


def escaped(text):
    """A comment's text, of which Doxygen must take nothing for markup; a drawing or a program stays as it stands."""
    lines, verbatim = [], False
    for line in re.sub(r"(\n \*     .*?) *\*/$", r"\1\n */", text).split("\n"):
        code = re.match(r"(?: \*|\s*/\*)     ", line) or (verbatim and re.match(r" \*$", line))
        if bool(code) != verbatim:
            lines.append(" * \\verbatim" if code else " * \\endverbatim")
            verbatim = bool(code)
        if code:
            line = line.replace(" *", "", 1)
        else:
            begin, body, end = re.match(r"(\s*(?:/\*|\*(?!/))?)(.*?)(\s*(?:\*/)?)$", line).groups()
            body = re.sub(r"([\\@*<>&%`\[\]#$])", r"\\\1", body).replace('"', '\\"').replace("\\`", "")
            line = begin + NAME.sub(r"#\1", body) + end
        lines.append(line)
    return "\n".join(lines)


def block(text, mark):
    return escaped(text).replace("/*", mark, 1)


def inner(match):
    """A comment within a declaration or behind it."""
    before, space, text = match.groups()
    return before + space + block(text, "/**<" if before else "/**")


class Header:
    def __init__(self, path):
        self.path = path
        self.lines = open(path, encoding="utf-8").read().split("\n")
        self.at, self.above, self.fresh = 0, None, False
        self.out, self.bare = [], []

    def comment(self):
        begin = self.at
        while "*/" not in self.lines[self.at]:
            self.at += 1
        self.at += 1
        return "\n".join(self.lines[begin:self.at])

    def declaration(self):
        """The lines of one declaration, with what stands in its braces."""
        begin, depth = self.at, 0
        while True:
            code = re.sub(r"/\*.*?\*/", "", self.lines[self.at])
            depth += code.count("{") - code.count("}")
            self.at += 1
            if depth == 0 and (code.rstrip().endswith(";") or code.startswith("#")):
                return self.lines[begin:self.at]

    def put_declaration(self):
        line = self.at + 1
        lines = self.declaration()
        own = "/*" in lines[-1] or (self.lines[self.at].startswith("  ") and "/*" in self.lines[self.at])
        if not own and not self.above:
            self.bare.append(f"{self.path}:{line}: no comment: {lines[0]}")
        if not own and self.above and not self.fresh:
            self.out.append(block(self.above, "/**"))
        self.fresh = False
        self.out.append(re.sub(r"(\S?)([ \t]*)(/\*(?! ----).*?\*/)", inner, "\n".join(lines), flags=re.S))

    def put(self):
        line = self.lines[self.at]
        if re.match(r"/\* ----|#|extern \"C\"|}|$", line) and not re.match(r"#define TN_[A-Z]\w*\b.*\S", line):
            self.above, self.fresh = None if not line or "----" in line else self.above, False
            self.out.append("" if "----" in line else line)
            self.at += 1
        elif line.startswith("/*"):
            self.above = self.comment()
            self.fresh = not re.match(r"#if|$", self.lines[self.at])
            if self.fresh:
                self.out.append(block(self.above, "/**"))
        elif line.startswith("  "):
            self.out.append(block(self.comment().strip(), "/**<"))
        else:
            self.put_declaration()

    def read(self):
        self.out.append(block(re.sub(r"/\* \w+\.h: *", "/* ", self.comment()), "/** @file\n *"))
        while self.at < len(self.lines):
            self.put()
        return self


def main():
    if sys.argv[1] == "--filter":
        print("\n".join(Header(sys.argv[2]).read().out))
        return 0
    bare = [s for path in sorted(glob.glob("include/tarn/*.h")) for s in Header(path).read().bare]
    if bare:
        print("\n".join(bare), file=sys.stderr)
        return 1
    text = DOXYFILE.format(python=sys.executable, script=sys.argv[0], folder=sys.argv[1])
    return subprocess.run(["doxygen", "-"], input=text.encode()).returncode


if __name__ == "__main__":
    sys.exit(main())
