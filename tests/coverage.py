"""Which lines and branches the tests run. usage: coverage.py BUILD, which is made with gcc's --coverage

Runs the test programs, notes in BUILD/lines.*.json which of them ran which line, and has gcovr add up all: float, double,
each instruction set, calls that fail. Fails if a line is left, or a branch, and tests/coverage.txt does not say why, or says
it of one that is run."""
import collections, concurrent.futures, glob, itertools, json, os, re, subprocess, sys, time

FOLDERS = "src/", "nn/", "optim/", "examples/text/"
TYPES = "float", "double"
KNOWN = "tests/coverage.txt"
ENOUGH = 95 # per cent of branches
OURS = re.compile(r"\$\{?CLASSIFY\b|\$B/float/tests/killed") # scripts that run examples/classify, wherever it is
FAILS = re.compile(r"\|\|\s+\w*fail\w*\(") # what fails gives false: after it comes one branch, where gcc counts two


def counted(objects):
    """How often each line has been run until now: {(file, line): count}."""
    out = subprocess.run(["gcov", "--json-format", "--stdout", *objects], capture_output=True, check=True).stdout
    count = collections.Counter()
    for document in out.splitlines():
        for file in json.loads(document)["files"]:
            path = os.path.relpath(file["file"])
            if path.startswith(FOLDERS):
                for line in file["lines"]:
                    count[path, line["line_number"]] += line["count"]
    return count


def programs(build, type):
    """The commands, the longest last."""
    made = sorted(glob.glob(f"{build}/{type}/tests/test_*") + glob.glob(f"{build}/{type}/tests/fuzz/*"))
    found = [p for p in made if "." not in os.path.basename(p)]
    scripts = [["sh", s] for s in sorted(glob.glob("tests/check_*.sh")) if type == "float" and OURS.search("".join(lines_of(s)))]
    return sorted([[p] for p in found] + scripts, key=lambda command: "test_kernels" in command[-1])


def run(build, type):
    """Notes what each program ran, and says whether all pass. Sources are the same for both types, objects are not, so both can
    run at once."""
    passed, lines, seconds = True, collections.defaultdict(lambda: collections.defaultdict(list)), {}
    environment = os.environ | {"B": build, "CLASSIFY": f"{build}/examples/classify", "CK_DEFAULT_TIMEOUT": "3600"}
    before = collections.Counter()
    for command in programs(build, type):
        name, begin = command[-1].removeprefix(build + "/"), time.time()
        with open(f"{build}/{type}.out", "w+") as out:
            if subprocess.run(command, env=environment, stdout=out, stderr=out).returncode:
                passed = False
                out.seek(0)
                print(f"{name} fails:\n{out.read()}", flush=True)
        seconds[name] = time.time() - begin
        objects = [o for folder in FOLDERS for o in glob.glob(f"{build}/{type}/{folder}**/*.gcda", recursive=True)]
        after = counted(objects)
        for file, line in after:
            if after[file, line] > before[file, line]:
                lines[file][line].append(name)
        before = after
        with open(f"{build}/lines.{type}.json", "w") as file:
            json.dump({"lines": lines, "seconds": seconds}, file)
    return passed


def lines_of(name):
    with open(name, encoding="utf-8") as file:
        return file.read().split("\n")


def added_up(build):
    """{file: {line: [count, counts of its branches]}}: gcovr's for each type, added here, for it will not have a function that
    stands at two lines of a file, one for each type."""
    total = collections.defaultdict(dict)
    for type in TYPES:
        out = f"{build}/gcovr.{type}.json"
        subprocess.run(["gcovr", "--root", ".", *(f"--filter={f}" for f in FOLDERS), "--exclude-unreachable-branches",
                        "--json", out, f"{build}/{type}"], check=True)
        with open(out) as file:
            for f in json.load(file)["files"]:
                for l in f["lines"]:
                    old, branches = total[f["file"]].get(l["line_number"], (0, []))
                    both = itertools.zip_longest(branches, (b["count"] for b in l["branches"]), fillvalue=0)
                    if not l["gcovr/noncode"]:
                        total[f["file"]][l["line_number"]] = old + l["count"], [a + b for a, b in both]
    for name, lines in total.items():
        text = lines_of(name)
        for number, (_, branches) in lines.items():
            line, after = text[number - 1], text[number]
            for fails in FAILS.finditer(line + "\n" + after):
                if fails.start() < len(line) and 0 in branches:
                    branches.remove(0)
    return total


def known():
    """{(file, line)}: the lines of tests/coverage.txt that begin with a bar, each with its file's name above it."""
    places, name = set(), ""
    with open(KNOWN, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("| "):
                places.add((name, line[2:]))
            elif line.startswith(FOLDERS):
                name = line
    return places


def share(part, whole):
    return f"{part:6} of {whole:6} {100 * part / max(1, whole):6.2f} %"


def count(files, folder):
    """Prints what is run of a folder, and gives the share of branches."""
    lines = [l for name in files if name.startswith(folder) for l in files[name].values()]
    branches = [b for _, counts in lines for b in counts]
    ran, taken = sum(n > 0 for n, _ in lines), sum(b > 0 for b in branches)
    print(f"{folder or 'all':14} lines {share(ran, len(lines))}   branches {share(taken, len(branches))}")
    return 100 * taken / max(1, len(branches))


def left(files):
    """{(file, line's text): what is not run}"""
    places = {}
    for name in files:
        text = lines_of(name)
        for number, (n, branches) in files[name].items():
            if n == 0 or 0 in branches:
                what = f"{branches.count(0)} of {len(branches)} branches" if n else "the line"
                places[name, text[number - 1].strip()] = f"{number}: {what}"
    return places


def main(build):
    with concurrent.futures.ThreadPoolExecutor() as both:
        passed = all(list(both.map(lambda type: run(build, type), TYPES)))
    files = added_up(build)
    for folder in FOLDERS:
        count(files, folder)
    branches, missed, reasons = count(files, ""), left(files), known()
    for place in sorted(missed.keys() - reasons):
        print(f"not run: {place[0]}:{missed[place]}\n| {place[1]}")
    for place in sorted(reasons - missed.keys()):
        print(f"{KNOWN} says that this is not run, and it is: {place[0]}\n| {place[1]}")
    print(f"{len(missed)} lines are left, or branches of theirs, {len(missed.keys() - reasons)} of them without a reason in {KNOWN}")
    sys.exit(not passed or missed.keys() != reasons or branches < ENOUGH)


main(sys.argv[1])
