"""Breaks the sources, one operator or constant at a time, and counts how many of these mutants the tests notice.

usage: mutate.py [--mutants 500] [--seed 1] [--jobs N] [--again] [FILE...], after make coverage, which notes who runs which line

A mutant meets the programs that run its line, the shortest first; then the shortest of the double build's, and of those under
ASan and UBSan. It is noticed when one of them fails, crashes, or takes many times as long as it should. One that compiles to the
same object code is no mutant. tests/mutants.txt has those that nobody notices, each with the reason; where this begins with
"Same:", it shows that nothing else comes out, and the mutant is not counted. They meet no tests but with --again."""
import argparse, collections, concurrent.futures, contextlib, glob, hashlib, json, os, queue, re, resource, shlex, shutil
import signal, subprocess, sys, time

VARIANTS = "float", "double", "san/float"
B, COVERAGE, KNOWN = "build/mutants", "build/coverage", "tests/mutants.txt"
SOURCES = "src/**/*.[ch]", "nn/*.c", "optim/*.c", "examples/text/*.[ch]"
ENOUGH = 95 # per cent
SHORTEST = 60 # s of programs, as make coverage took them; some ten as they are built here
ANY = 0 # no line: of a statement on several lines gcov counts one

# What decides how fast something is and never what comes out: block sizes, grains, how far ahead memory is asked for.
PERFORMANCE = {path: names.split() for path, names in {
    "examples/text/data.c": "PIECE PIECES", "examples/text/memory.c": "PAGE FEW text_prefer_large_pages",
    "optim/optim.c": "AHEAD LINE PIECE ROWS_PIECE", "src/backward.c": "CLASSES",
    "src/kernels/embed.c": "AHEAD GROUP LINE",
    "src/kernels/gemm.c": "FAR KC LINE MC NARROW NC PAGE ROWS VECS fetch_next is_tiny pack_step rows_of",
    "src/kernels/gemm.h": "MC NC WIDEST", "src/kernels/isa.h": "LINE VEC_BYTES", "src/kernels/narrow.c": "GROUP_MOST NARROW",
    "src/kernels/narrow.h": "NARROW", "src/kernels/reduce.c": "FEW", "src/kernels/turn.h": "LINE",
    "src/memory.c": "ALIGN FEW FIRST_CHUNK LARGE_PAGE PAGE SMALL_PAGE prefer_large_pages tn__populate",
    "src/npy.c": "BLOCK_NUMBERS",
    "src/ops/attention.c": "ALONE ROWS", "src/ops/batch_norm.c": "BLOCK TN__GRAIN grain", "src/ops/binary.c": "TN__GRAIN",
    "src/ops/dropout.c": "BLOCK", "src/ops/layer_norm.c": "PIECES TN__GRAIN rows_per_piece",
    "src/ops/linear.c": "PIECE", "src/ops/loss.h": "TN__LOSS_BLOCK", "src/ops/permute.c": "TILE",
    "src/ops/product.c": "ALONE COLUMNS EACH MOST_COLUMNS MOST_ROWS PIECE ROWS cut_of", "src/ops/recurrent.c": "ALONE LEAST",
    "src/ops/reduce.c": "PIECE", "src/ops/shape.h": "TN__GRAIN", "src/ops/softmax.c": "BLOCK TN__GRAIN rows_per_piece",
    "src/ops/unfold.c": "TN__GRAIN", "src/parallel.c": "SPINS", "src/params.c": "AHEAD LINE",
    "src/safetensors_read.c": "BLOCK",
}.items()}
UNTOUCHED = {"__attribute__", "_Alignas", "_Static_assert", "__builtin_prefetch", "_Pragma", "ROW"} # an op's, with its samples
SAMPLES = re.compile(r"\b(?!tn_sample)\w*(sample|example)\w* [\[(]") # what the ops are tested on is no code of theirs
OPEN, CLOSE = ("(", "[", "{"), (")", "]", "}")
COMPARISONS = "<", "<=", ">", ">=", "==", "!="

TOKEN = re.compile(r"""(?P<comment>/\*.*?\*/|//[^\n]*) | (?P<directive>^[ \t]*\#(?:/\*.*?\*/|\\\n|[^\n])*)
    | (?P<text>"(?:\\.|[^"\\\n])*") | (?P<character>'(?:\\.|[^'\\\n])*')
    | (?P<number>\.?\d(?:[eEpP][-+]|[\w.])*) | (?P<word>[A-Za-z_]\w*)
    | (?P<operator><<=|>>=|->|\+\+|--|&&|\|\||[-+*/%&|^=!<>]=|<<|>>|[^\w\s]) """, re.X | re.S | re.M)
OTHER = {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"], "&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"],
         ">>": ["<<"], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="],
         "!=": ["=="], "&&": ["||"], "||": ["&&"], "++": ["--"], "--": ["++"], "+=": ["-="], "-=": ["+="],
         "*=": ["/="], "/=": ["*="], "%=": ["/="], "|=": ["&="], "&=": ["|="], "^=": ["|="], "<<=": [">>="],
         ">>=": ["<<="], "true": ["false"], "false": ["true"]}

Token = collections.namedtuple("Token", "kind text start end")
Mutant = collections.namedtuple("Mutant", "path line before after text") # text: the whole broken file


# ---- mutants ---------------------------------------------------------------------------------------------------------

def closing(tokens, i):
    """Where the bracket that opens at tokens[i] is closed."""
    depth = 0
    for j in range(i, len(tokens)):
        depth += (tokens[j].text in OPEN) - (tokens[j].text in CLOSE)
        if depth == 0:
            return j


def end_of_part(tokens, i):
    """The comma, semicolon or bracket that ends what tokens[i] begins."""
    while tokens[i].text not in (",", ";", *CLOSE):
        i = closing(tokens, i) + 1 if tokens[i].text in OPEN else i + 1
    return i


def skipped(tokens, performance):
    """The places in tokens that stay as they are."""
    places, i, begin = set(), 0, 0
    while i < len(tokens): # at the outermost level: begin is where this definition does
        head = [t.text for t in tokens[begin:i]]
        is_size = any(a in performance and b == "(" for a, b in zip(head, head[1:]))
        if tokens[i].text == "{" and (is_size or SAMPLES.search(" ".join(head))):
            places.update(range(begin, closing(tokens, i)))
        if tokens[i].text in OPEN:
            i = closing(tokens, i)
        if tokens[i].text in (";", "}"):
            begin = i + 1
        i += 1
    for i, t in enumerate(tokens):
        if t.text in UNTOUCHED:
            places.update(range(i, closing(tokens, i + 1)))
        if t.text in performance and tokens[i + 1].text == "=":
            places.update(range(i, end_of_part(tokens, i)))
        if t.text == "tn_parallel_for" and tokens[i - 1].text != "void": # its second argument
            second = end_of_part(tokens, i + 2)
            places.update(range(second, end_of_part(tokens, second + 1)))
    return places


def changes(tokens, i, text, performance):
    """[(start, end, other)]: what tokens[i] may become."""
    t, before, after = tokens[i], tokens[i - 1], tokens[i + 1]
    spaced = text[t.start - 1].isspace() and text[t.end].isspace()
    if t.kind == "number":
        is_zero = not re.search("[1-9a-fA-F]", re.sub(r"^0[xX]|[uUlLfF]+$", "", t.text))
        return [(t.start, t.end, f"({t.text} + 1)")] + ([] if is_zero else [(t.start, t.end, "0")])
    if t.kind == "character":
        return [(t.start, t.end, f"({t.text} + 1)")]
    if t.text in ("if", "while"):
        end = closing(tokens, i + 1)
        if performance & {x.text for x in tokens[i:end]}:
            return []
        return [(after.start, tokens[end].end, f"(!{text[after.start:tokens[end].end]})")]
    if t.text in ("!", "~") or t.text == "-" and not spaced:
        return [(t.start, t.end, "")]
    if t.text in ("*", "&", "+") and not spaced or t.text in COMPARISONS and performance & {before.text, after.text}:
        return []
    return [(t.start, t.end, other) for other in OTHER.get(t.text, [])]


def line_at(text, place):
    return text[text.rfind("\n", 0, place) + 1:text.find("\n", place)].strip()


def mutants_of(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    tokens = [Token(m.lastgroup, m[0], *m.span()) for m in TOKEN.finditer(text) if m.lastgroup not in ("comment", "directive")]
    performance = set(PERFORMANCE.get(path, ()))
    leave = skipped(tokens, performance)
    for i in range(1, len(tokens) - 1):
        for start, end, other in changes(tokens, i, text, performance) if i not in leave else []:
            broken = text[:start] + other + text[end:]
            yield Mutant(path, text.count("\n", 0, start) + 1, line_at(text, start), line_at(broken, start), broken)


def draw(paths, seed):
    """All mutants in an order that depends on nothing but the seed and each one's own line."""
    mutants, seen = [m for path in paths for m in mutants_of(path)], collections.Counter()

    def place(m):
        seen[m[:1] + m[2:4]] += 1 # the same line can stand in a file twice
        return hashlib.sha256(f"{seed} {m.path} {m.before} {m.after} {seen[m[:1] + m[2:4]]}".encode()).digest()
    return sorted(mutants, key=place)


# ---- what make would do ----------------------------------------------------------------------------------------------

def make(variant, *options):
    options += ("SAN=1", f"B={B}/san") if variant.startswith("san") else ("CFLAGS=-O2", f"B={B}")
    return subprocess.run(["make", "--no-print-directory", *options, "test-programs"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def commands(variant):
    """{what is made: the command}"""
    split = [shlex.split(line) for line in make(variant, "-nB").splitlines() if " -o build/" in line]
    return {c[c.index("-o") + 1]: c for c in split if "-shared" not in c}


def objects_from(variant):
    """{source or header: the objects that it is part of}"""
    made_from = collections.defaultdict(list)
    for folder in ("src", "nn", "optim", "examples/text"):
        for path in sorted(glob.glob(f"{B}/{variant}/{folder}/**/*.d", recursive=True)):
            with open(path) as file:
                for name in re.sub(r"\\\n", " ", file.read()).split("\n")[0].split(":")[1].split():
                    made_from[name].append(path[:-2] + ".o")
    return made_from


# ---- a worker --------------------------------------------------------------------------------------------------------

class Worker:
    """A copy of the sources, to break, and what is built of it."""

    def __init__(self, number, plan):
        self.plan, self.tree, self.out = plan, os.path.abspath(f"{B}/{number}/tree"), os.path.abspath(f"{B}/{number}/out")
        shutil.rmtree(f"{B}/{number}", ignore_errors=True)
        os.makedirs(self.tree)
        for name in ("include", "src", "nn", "optim", "examples", "tests", "Makefile", "README.md"):
            (shutil.copytree if os.path.isdir(name) else shutil.copy)(name, f"{self.tree}/{name}")
        os.symlink(os.path.abspath("build"), f"{self.tree}/build")

    def make(self, target, command, first=()):
        """Makes the target in this worker's own folder; first: objects that stand before all others."""
        own = f"{self.out}/{target}"
        os.makedirs(os.path.dirname(own), exist_ok=True)
        at = command.index("-o")
        command = command[:at] + ["-o", own, *first] + command[at + 2:]
        return own if subprocess.run(command, cwd=self.tree, stderr=subprocess.DEVNULL).returncode == 0 else None

    def run(self, program, seconds, fork):
        """Does it pass, within these seconds?"""
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2)) # if it is left behind
            if "/san/" not in program and not program.endswith(".sh"): # a shadow takes more, and so does Chromium
                resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        environment = os.environ | {"CK_FORK": fork, "CK_DEFAULT_TIMEOUT": "600", "ASAN_OPTIONS": "allocator_may_return_null=1",
                                    "B": f"{self.out}/{B}", "CLASSIFY": f"{self.out}/{B}/examples/classify"}
        command = ["sh", program] if program.endswith(".sh") else [program]
        child = subprocess.Popen(command, cwd=self.tree, env=environment, preexec_fn=limit, start_new_session=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(int(10 * seconds)): # a machine that is put to sleep is no failure
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(0.1) == 0
        child.terminate() # check ends its own children then
        time.sleep(0.5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return False

    def passes(self, name):
        """Once for each program: does it pass with nothing broken, and how long does that take?"""
        if name in self.plan.sound:
            return
        for self.plan.fork[name] in "no", "yes": # a process for each test takes longer, but some need it
            begin = time.time()
            if self.meet(name, []):
                self.plan.took[name] = time.time() - begin
                self.plan.sound.add(name)
                return
        print(f"{name} fails with nothing broken", flush=True)
        os._exit(1)

    def meet(self, name, objects):
        """Links the program with these objects and runs it."""
        needs = self.plan.needs(name)
        for target in needs:
            of_its_type = [o for o in objects if (f"{B}/double/" in o) == (f"{B}/double/" in target)]
            if not self.make(target, self.plan.commands[target], of_its_type):
                return False
        program = name if name.endswith(".sh") else f"{self.out}/{needs[0]}"
        return self.run(program, 5 * self.plan.took.get(name, self.plan.seconds[name]) + 10, self.plan.fork[name])

    def judge(self, mutant):
        """Who notices it; "" if nobody does, "same code" or "not C" if nobody could."""
        with open(f"{self.tree}/{mutant.path}", "w", encoding="utf-8") as file:
            file.write(mutant.text)
        try:
            return self.noticed(mutant)
        finally:
            shutil.copy(mutant.path, f"{self.tree}/{mutant.path}")

    def noticed(self, mutant):
        result = "same code"
        for variant in VARIANTS:
            objects = self.plan.objects[variant][mutant.path]
            made = [self.make(o, self.plan.commands[o]) for o in objects]
            if None in made:
                return "not C"
            made = [m for m, o in zip(made, objects) if not same(m, o)]
            if variant == "san/float" and result == "same code" or not made: # with -O1 less is the same
                continue
            result = ""
            for program in self.plan.programs(mutant, variant):
                self.passes(program)
                if not self.meet(program, made):
                    return program
        return result


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


class Plan:
    """What to build and to run for a mutant."""

    def __init__(self):
        self.commands, self.objects, self.seconds, self.took, self.fork, self.sound = {}, {}, {}, {}, {}, set()
        for variant in VARIANTS:
            make(variant)
            self.commands |= commands(variant)
            self.objects[variant] = objects_from(variant)
        self.lines = collections.defaultdict(lambda: collections.defaultdict(set))
        for type in ("float", "double"):
            with open(f"{COVERAGE}/lines.{type}.json") as file:
                ran = json.load(file)
            self.seconds |= ran["seconds"] | {f"san/{name}": 3 * s for name, s in ran["seconds"].items()}
            for path, lines in ran["lines"].items():
                for line, names in lines.items():
                    self.lines[path][int(line)].update(names)
                    self.lines[path][ANY].update(names)

    def needs(self, name):
        if name.endswith(".sh"):
            return [f"{B}/examples/classify", f"{B}/float/tests/killed"]
        if name.endswith("double/tests/test_builds"): # it compares itself with the float build's
            return [f"{B}/{name}", f"{B}/{name.replace('double', 'float')}"]
        return [f"{B}/{name}"]

    def programs(self, mutant, variant):
        lines = self.lines[mutant.path]
        ran = lines.get(mutant.line) or lines[ANY]
        prefix, type = os.path.split(variant)
        names = [os.path.join(prefix, n) for n in ran if n.startswith(type) or variant == "float" and n.endswith(".sh")]
        chosen, seconds = [], 0
        for name in sorted(names, key=lambda n: self.seconds[n]):
            seconds += self.seconds[name]
            if seconds <= SHORTEST or variant == "float":
                chosen.append(name)
        return chosen


# ---- the count -------------------------------------------------------------------------------------------------------

def known():
    """{(file, line, broken line): why nobody notices}"""
    with open(KNOWN, encoding="utf-8") as file:
        entries = [e.split("\n") for e in file.read().strip().split("\n\n")]
    return {(e[0], e[1][2:], e[2][2:]): " ".join(e[3:]) for e in entries if len(e) > 3}


def key(mutant):
    return mutant.path, mutant.before, mutant.after


def judged(mutants, wanted, jobs, plan, reasons):
    """[(mutant, who notices)] of the first that compile to something else, in order; those with reasons meet nobody."""
    workers, stop = queue.Queue(), set()
    for i in range(jobs):
        workers.put(Worker(i, plan))

    def judge(mutant):
        if stop:
            return mutant, None
        if key(mutant) in reasons:
            return mutant, ""
        worker = workers.get()
        result = worker.judge(mutant)
        workers.put(worker)
        return mutant, result

    found = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutant, result in pool.map(judge, mutants):
            if result in (None, "not C", "same code"):
                continue
            found.append((mutant, result))
            print(f"{len(found)} {mutant.path}:{mutant.line}: {mutant.after}: {result or 'NOT NOTICED'}", flush=True)
            if len(found) == wanted:
                stop.add(True)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    paths = options.files or sorted(p for s in SOURCES for p in glob.glob(s, recursive=True))
    mutants = draw(paths, options.seed)
    reasons = known()
    found = judged(mutants, options.mutants, options.jobs, Plan(), {} if options.again else reasons)
    left = [m for m, result in found if not result]
    new = [m for m in left if key(m) not in reasons]
    same = sum(reasons.get(key(m), "").startswith("Same:") for m in left)
    for m in new:
        print(f"nobody notices\n\n{m.path}\n- {m.before}\n+ {m.after}\n")
    noticed = 100 * (len(found) - len(left)) / max(1, len(found) - same)
    print(f"{len(found)} of {len(mutants)} mutants: {len(found) - len(left)} noticed, {same} do the same, {len(left) - same} not "
          f"noticed, {len(new)} of them without a reason in {KNOWN}: {noticed:.1f} % of those that do something else")
    sys.exit(bool(new) or noticed < ENOUGH)


if __name__ == "__main__":
    main()
