"""mutation.py [OPTION...]: do the unit tests notice a wrong token in the headers that they test?

Changes one token of a header at a time (mutants.py says which, and how), compiles the unit tests that belong to the header
against the changed one, and runs them. A mutant that no test notices survives: then a test is missing, or the change makes no
difference to any caller. The latter are kept, each with its reason, in equivalent.txt.

  python3 tests/mutation/mutation.py                    a sample of 100 mutants out of all rooms
  python3 tests/mutation/mutation.py --room core --all  every mutant of a room: core, clock, scheduler or parsers
  python3 tests/mutation/mutation.py --file core/grid.hpp --list    what would be changed in one header

  --sample N     run N mutants, chosen by the seed (100). A larger sample holds the smaller one, and a change in one header
                 does not change which mutants of the others are in it.
  --skip M       leave out the first M of those chosen: with that, they can be run in portions
  --minutes T    begin no mutant after T minutes
  --all          run every mutant
  --seed S       another choice (1)
  --room ROOM    only mutants of these headers; may be repeated
  --file HEADER  only mutants of this header, named as it is included without takt/ ; may be repeated
  --match TEXT   only mutants whose line holds this text, before or after the change
  --jobs N       mutants at a time (the number of processors)
  --recheck      also run the mutants in equivalent.txt; one that is killed is an error
  --quick        do not repeat what survives with optimisation and sanitizers
  --list         print the mutants and the tests of each header; run nothing
  --check-list   check that each entry of equivalent.txt fits a mutant; run nothing
  --self-test    run all mutants of probe/, and compare what became of them with what is expected
  --compiler C   the compiler ($CXX, else g++)
  --work DIR     where programs are built (build/mutation of the source tree)

Verdicts: killed (by a test, a static assertion in a test or in a header, or the time limit), not compiling, equivalent (listed,
not run), survives. Ends with 0 if nothing survives and each entry of equivalent.txt fits a mutant, 1 if not, 2 if it could not
begin: the tests must pass without a change.

How it is fast: only translation units of the tests that belong to a header are compiled, unoptimised, with doctest and the
standard library precompiled; the first test that fails ends the run; if the object code of a test is the same as without the
change, it is not run. What survives that is compiled once more as the full test does: optimised with every value of the
exhaustive tests, and with the address and undefined-behaviour sanitizers, which notice a change that reads beyond an array.
Warnings are not errors, and a header is changed only in a copy that is found before the original."""
import argparse
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutants  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

ROOMS = {
    "core": ["core/*.hpp", "core/detail/*.hpp"],
    "clock": ["clock/detail/*.hpp"],
    "scheduler": ["scheduler/detail/*.hpp"],
    "parsers": ["kernel/cpuinfo.hpp", "kernel/interrupts.hpp", "kernel/detail/text.hpp", "kernel/detail/dmi.hpp",
                "kernel/detail/log_line.hpp", "kernel/detail/elf_image.hpp", "kernel/detail/timer_rows.hpp",
                "kernel/detail/uevent.hpp", "kernel/detail/vdso_layout.hpp", "kernel/detail/vmclock_page.hpp",
                "observe/trace_text.hpp", "observe/detail/trace_cursor.hpp", "observe/detail/trace_fields.hpp",
                "observe/detail/trace_head.hpp", "observe/detail/stamp_lines.hpp"],
}

EXCEPT = {"core/config.hpp"}  # macros and the version, which tests/c/standards.sh compares

# The tests of a header are its own, tests/unit/NAME_test.cpp, and those that include it; if there are none, those of the headers
# that include it, the nearest first. Here are the tests of headers for which that rule finds too few or too many.
SCHEDULER = ["scheduler_run", "scheduler_contract", "scheduler_substitute", "scheduler", "scheduler_model"]
WHEEL = ["wheel", "scheduler", "scheduler_model"]
TESTS = {
    "core/detail/exchange.hpp": WHEEL,
    "clock/detail/dated_ticks.hpp": ["tsc_clock", "judges"],
    "clock/detail/history_source.hpp": ["tick_history", "stamp_map"],
    "clock/detail/history_format.hpp": ["tick_history", "stamp_map"],
    "clock/detail/line_record.hpp": ["time_line", "judges", "tsc_clock"],
    "clock/detail/line_register.hpp": ["time_line", "judges", "tsc_clock"],
    "clock/detail/rounded_text.hpp": ["calibration", "clock_changes", "print"],
    "clock/detail/shifted_time.hpp": ["clock_cast", "tsc_clock"],
    "clock/detail/tsc_clock_state.hpp": ["tsc_clock", "bounded_clock"],
    "clock/detail/writer_lock.hpp": ["tsc_clock"],
    "kernel/detail/uevent.hpp": ["vmclock_page", "restore_probe"],
    "scheduler/detail/dispatch.hpp": SCHEDULER,
    "scheduler/detail/due_order.hpp": WHEEL,
    "scheduler/detail/loop.hpp": SCHEDULER,
    "scheduler/detail/scheduled.hpp": SCHEDULER,
    "scheduler/detail/wake_source.hpp": SCHEDULER,
    "scheduler/detail/wheel.hpp": WHEEL,
    "scheduler/detail/wheel_slots.hpp": WHEEL,
}

STANDARD = """algorithm array atomic bit charconv chrono cmath cstdint cstring functional limits map memory mutex optional random
    sstream string string_view system_error thread utility vector""".split()
PLAIN = ["-O0"]
FASTER = ["-O1", "-DTAKT_TEST_STRIDE=41"]
SLOW = {"best_rule", "grid", "rate_estimate", "wheel"}  # these run longer unoptimised than optimising them takes
CLOSER = [["-O1", "-DTAKT_TEST_STRIDE=1"], ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]]
COMPILE_SECONDS = 300  # a constant expression that never ends
MEMORY = 4 << 30


def fail(message):
    print("mutation:", message, file=sys.stderr)
    sys.exit(2)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Tree:
    """Headers, their tests, and the list of equivalent mutants."""

    def __init__(self, include, unit, equivalent, rooms):
        self.include, self.unit, self.equivalent, self.rooms = include, unit, equivalent, rooms
        self.headers = sorted(os.path.relpath(os.path.join(at, f), os.path.join(include, "takt"))
                              for at, _, files in os.walk(os.path.join(include, "takt")) for f in files if f.endswith(".hpp"))
        self.included_by = {}  # header: headers; the umbrellas do not count
        self.tested_by = {}  # header: tests that include it
        for header in self.headers:
            for other in self.includes(self.path(header)) if "/" in header else ():
                self.included_by.setdefault(other, []).append(header)
        self.tests = sorted(f[:-len("_test.cpp")] for f in os.listdir(unit) if f.endswith("_test.cpp"))
        for test in self.tests:
            for header in self.includes(self.test_path(test)):
                self.tested_by.setdefault(header, []).append(test)

    @staticmethod
    def includes(path):
        return re.findall(r"^[ \t]*#[ \t]*include[ \t]*<takt/([^>]*)>", read(path), re.M)

    def path(self, header):
        return os.path.join(self.include, "takt", header)

    def test_path(self, test):
        return os.path.join(self.unit, test + "_test.cpp")

    def in_rooms(self, rooms):
        patterns = [pattern for room in rooms for pattern in self.rooms[room]]
        return [h for h in self.headers if h not in EXCEPT and any(fnmatch.fnmatchcase(h, p) and h.count("/") == p.count("/") for p in patterns)]

    def tests_of(self, header):
        if header in TESTS:
            return TESTS[header]
        name = os.path.splitext(os.path.basename(header))[0]
        seen, level = {header}, [header]
        while level:
            found = [name] if name in self.tests and level == [header] else []
            for h in level:
                own = os.path.splitext(os.path.basename(h))[0]
                for test in ([own] if own in self.tests and h != header else []) + self.tested_by.get(h, []):
                    if test not in found:
                        found.append(test)
            if found:
                return found
            level = [h for h in dict.fromkeys(above for h in level for above in self.included_by.get(h, [])) if h not in seen]
            seen.update(level)
        return []

    def mutants(self, header):
        """Returns: all mutants of a header, with the tests that must notice them."""
        source = read(self.path(header))
        found = mutants.Header(source).mutants()
        for m in found:
            m.header = header
            m.test_names = self.tests_of(header)
        return found


def read_equivalent(path):
    """The file has entries of these lines, in this order, and comments that begin with `#`:
      core/grid.hpp      the header
        the line before  only where the header has the line more than once
      - the line
      + the changed line, or the first of them; a line for each mutant of that line for which the reason is the same
      = why no caller notices; may go on in further lines that begin with `=`
    Returns: the entries."""
    entries = []
    for number, line in enumerate(read(path).split("\n"), 1):
        text = line[1:].strip()
        if not line.strip() or line[0] == "#":
            continue
        if line[0] not in " -+=":
            entries.append(Entry(line.strip(), number))
            continue
        if not entries:
            fail(f"{path}:{number}: no header is named before this line")
        e = entries[-1]
        if line[0] == "+":
            e.new.append(text)
        else:
            part = {" ": "before", "-": "old", "=": "reason"}[line[0]]
            setattr(e, part, f"{getattr(e, part)} {text}".strip())
    for e in entries:
        if not e.old or not e.new or not e.reason:
            fail(f"{path}:{e.number}: an entry needs a header, a line with -, lines with + and a reason with =")
    return entries


class Entry:
    def __init__(self, header, number):
        self.header, self.number, self.before, self.old, self.new, self.reason = header, number, "", "", [], ""

    def fits(self, m):
        return self.header == m.header and self.old == m.old_line and m.new_line in self.new and \
            self.before in ("", m.line_before)


def shown(m, entries_of_header):
    """Returns: the change as equivalent.txt has it."""
    twice = sum(o.old_line == m.old_line and o.new_line == m.new_line for o in entries_of_header) > 1
    return (f"  {m.line_before}\n" if twice else "") + f"- {m.old_line}\n+ {m.new_line}"


class Builder:
    """Compiles and runs tests."""

    def __init__(self, tree, compiler, work):
        self.tree, self.compiler, self.work = tree, compiler, work
        os.makedirs(work, exist_ok=True)
        version = subprocess.run([compiler, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        digest = hashlib.sha256(version.encode())
        for root in (tree.include, os.path.join(os.path.dirname(tree.unit), "support")):
            for at, _, files in sorted(os.walk(root)):
                for f in sorted(files):
                    digest.update(open(os.path.join(at, f), "rb").read())
        self.state = digest.hexdigest()
        self.version = hashlib.sha256(version.encode()).hexdigest()[:12]
        self.lock = threading.Lock()
        self.prepared, self.unchanged, self.running = {}, {}, set()
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)

    def stop(self, *_):
        """Leaves no test running: one that a change made endless would stay."""
        for pid in list(self.running):
            end_group(pid)
        print("mutation: stopped", file=sys.stderr, flush=True)
        os._exit(2)

    def once(self, table, key, make):
        """Returns: what `make` returned, which is called by the first thread that asks for this key."""
        with self.lock:
            future = table.get(key)
            first = future is None
            if first:
                future = table[key] = concurrent.futures.Future()
        if first:
            try:
                future.set_result(make())
            except BaseException as e:
                future.set_exception(e)
        return future.result()

    def directory(self, flags):
        """Returns: where the precompiled header and doctest's main for these flags are."""
        return self.once(self.prepared, tuple(flags), lambda: self.prepare(flags))

    def prepare(self, flags):
        name = hashlib.sha256(" ".join(flags).encode()).hexdigest()[:8]
        there = os.path.join(self.work, f"prepared-{self.version}-{name}")
        if not os.path.exists(os.path.join(there, "ready")):
            os.makedirs(there, exist_ok=True)
            with open(os.path.join(there, "all.hpp"), "w") as f:
                f.write("#include <doctest/doctest.h>\n" + "".join(f"#include <{h}>\n" for h in STANDARD))
            with open(os.path.join(there, "main.cpp"), "w") as f:
                f.write("#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN\n#include <doctest/doctest.h>\n")
            for output, source, language in (("all.hpp.gch", "all.hpp", "c++-header"), ("main.o", "main.cpp", "c++")):
                command = [self.compiler, "-std=c++20", "-w", *flags, "-x", language, os.path.join(there, source)]
                command += ["-o", os.path.join(there, output)] + (["-c"] if language == "c++" else [])
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if done.returncode != 0:
                    fail("doctest cannot be compiled:\n" + done.stdout)
            open(os.path.join(there, "ready"), "w").close()
        return there

    def compile(self, test, flags, overlay, output):
        """Returns: (whether it worked, what the compiler said)."""
        there = self.directory(flags)
        command = [self.compiler, "-std=c++20", "-w", *flags, "-include", os.path.join(there, "all.hpp"), "-I", overlay,
                   "-I", self.tree.include, "-I", os.path.dirname(self.tree.unit), "-c", self.tree.test_path(test), "-o", output]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMPILE_SECONDS,
                                  env=dict(os.environ, LC_ALL="C"))
        except subprocess.TimeoutExpired:
            return False, "static assertion: not compiled in time"
        return done.returncode == 0, done.stdout

    def link(self, flags, compiled, program):
        main = os.path.join(self.directory(flags), "main.o")
        command = [self.compiler, *flags, main, compiled, "-pthread", "-o", program]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode == 0, done.stdout

    def run(self, program, flags, directory, seconds):
        """Returns: how it ended, passed, failed or endless, and what it printed. `seconds` is a limit of processor time."""
        memory = "" if any("sanitize" in flag for flag in flags) else f"ulimit -v {MEMORY >> 10};"  # sanitizers reserve terabytes
        limited = ["sh", "-c", f'ulimit -c 0; ulimit -t {int(seconds) + 1}; {memory} exec "$@"', "sh"]
        environment = dict(os.environ, TMPDIR=directory, ASAN_OPTIONS="hard_rss_limit_mb=4000:detect_leaks=0")
        log = os.path.join(directory, "log")
        with open(log, "wb") as out:
            process = subprocess.Popen([*limited, program, "--abort-after=1", "--no-colors"], stdout=out, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, cwd=directory, env=environment, start_new_session=True)
            self.running.add(process.pid)
            try:
                code = process.wait(timeout=2 * seconds + 8)  # for those that wait for ever
            except subprocess.TimeoutExpired:
                code = -signal.SIGKILL
            finally:
                end_group(process.pid)  # with the children that it left
                process.wait()
                self.running.discard(process.pid)
        with open(log, "rb") as f:
            printed = f.read(20000).decode(errors="replace")
        return "passed" if code == 0 else "endless" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "failed", printed

    def without_change(self, test, flags):
        """Returns: the digest of the object code, the seconds to compile and the seconds to run. Raises RuntimeError if the test does
        not pass."""
        return self.once(self.unchanged, (test, tuple(flags)), lambda: self.measure(test, flags))

    def measure(self, test, flags):
        digest = hashlib.sha256((self.state + " ".join(flags) + read(self.tree.test_path(test))).encode()).hexdigest()[:16]
        there = os.path.join(self.work, f"unchanged-{test}-{digest}")
        note = os.path.join(there, "passed.json")
        if not os.path.exists(note):
            os.makedirs(there, exist_ok=True)
            self.directory(flags)
            compiled, program = os.path.join(there, "test.o"), os.path.join(there, "test")
            began = time.monotonic()
            ok, said = self.compile(test, flags, there, compiled)
            ok, said = self.link(flags, compiled, program) if ok else (ok, said)
            if not ok:
                raise RuntimeError(f"{test}_test.cpp does not compile without a change:\n{said}")
            linked = time.monotonic()
            how, said = self.run(program, flags, there, 300)
            if how != "passed":
                raise RuntimeError(f"{test}_test.cpp does not pass without a change:\n{said}")
            with open(note + ".part", "w") as f:  # half a note would stop every later run
                json.dump([digest_of(compiled), linked - began, time.monotonic() - linked], f)
            os.replace(note + ".part", note)
            os.remove(compiled)
            os.remove(program)
        return json.loads(read(note))

    def try_tests(self, tests, there):
        """Returns: the verdict on a mutant by these tests, each with its flags, and by what."""
        overlay = os.path.join(there, "overlay")
        same = 0
        for test, flags in tests:
            code, _, seconds = self.without_change(test, flags)
            compiled, program = os.path.join(there, "test.o"), os.path.join(there, "test")
            ok, said = self.compile(test, flags, overlay, compiled)
            if not ok:
                asserted = re.search(r"static.assert", said)
                return ("killed", "static assertion") if asserted else ("not compiling", said)
            if digest_of(compiled) == code:
                same += 1
                continue
            ok, said = self.link(flags, compiled, program)
            if not ok:
                return "not compiling", said
            how, said = self.run(program, flags, there, 3 + 4 * seconds)
            if how == "endless":
                return "killed", "time limit"
            if how == "failed":
                return "killed", test
        return "survives", "the object code of its tests is the same" if same == len(tests) else ""

    def verdict(self, m, closer):
        there = os.path.join(self.work, f"mutant-{threading.get_ident()}")
        shutil.rmtree(there, ignore_errors=True)
        overlay = os.path.join(there, "overlay")
        changed = os.path.join(overlay, "takt", m.header)
        os.makedirs(os.path.dirname(changed))
        with open(changed, "w", encoding="utf-8") as f:
            f.write(m.apply(read(self.tree.path(m.header))))
        try:
            verdict, by = self.try_tests([(t, FASTER if t in SLOW else PLAIN) for t in m.test_names], there)
            for flags in CLOSER if closer and verdict == "survives" and not by else ():
                tests = [test for test in m.test_names
                         if "STRIDE" not in flags[-1] or "thorough.hpp" in read(self.tree.test_path(test))]
                closer_verdict, other = self.try_tests([(test, flags) for test in tests], there)
                if tests and closer_verdict == "killed":
                    return "killed", f"{other}, {' '.join(flags[1:2])}"
            return verdict, by
        finally:
            shutil.rmtree(there, ignore_errors=True)


def end_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def by_seed(all_mutants, seed):
    """Returns: the mutants in an order that depends on the seed and on each mutant alone."""
    seen = {}

    def key(m):
        what = f"{seed}\n{m.header}\n{m.old_line}\n{m.new_line}"
        seen[what] = seen.get(what, 0) + 1
        return hashlib.sha256(f"{what}\n{seen[what]}".encode()).digest()

    return [m for _, m in sorted(((key(m), m) for m in all_mutants), key=lambda pair: pair[0])]


def run_all(builder, chosen, jobs, closer, on_verdict, deadline=float("inf")):
    """Effects: tries the mutants in this order, each after its tests have passed without the change, and calls `on_verdict` as
    each ends. None begins after the deadline."""

    def begin(m):
        return builder.verdict(m, closer) if time.monotonic() < deadline else None

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(begin, m): m for m in chosen}
        try:
            for future in concurrent.futures.as_completed(waiting):
                if future.result() is not None:
                    on_verdict(waiting[future], *future.result())
        except BaseException as e:
            for future in waiting:
                future.cancel()
            if isinstance(e, RuntimeError):
                fail(str(e))
            raise


def self_test(compiler, work, jobs):
    """The mutants of probe/: one for each verdict and each operator, with what must become of it in expected.txt."""
    probe = os.path.join(HERE, "probe")
    tree = Tree(os.path.join(probe, "include"), os.path.join(probe, "unit"), os.path.join(probe, "equivalent.txt"), {})
    entries = read_equivalent(tree.equivalent)
    all_mutants = [m for h in tree.headers for m in tree.mutants(h)]
    lines = {}

    def note(m, verdict, by):
        by = "" if verdict == "not compiling" else by
        lines[m] = f"{m.old_line}\n  {m.new_line}\n  {verdict}{': ' + by if by else ''}\n"

    chosen = []
    for m in all_mutants:
        if any(e.fits(m) for e in entries):
            note(m, "equivalent", "")
        else:
            chosen.append(m)
    run_all(Builder(tree, compiler, work), chosen, jobs, True, note)
    got = "".join(lines[m] for m in all_mutants)
    expected = read(os.path.join(probe, "expected.txt"))
    if got != expected:
        with open(os.path.join(work, "found.txt"), "w", encoding="utf-8") as f:
            f.write(got)
        import difflib
        sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), got.splitlines(True), "expected.txt", "found"))
        return 1
    print(f"{len(all_mutants)} mutants of the probe, each with the expected verdict")
    return 0


def stale(tree, entries):
    """Prints what of the list fits no mutant of today's headers. Returns: how many."""
    known, gone = {}, 0
    for e in entries:
        if e.header in tree.headers and e.header not in known:
            known[e.header] = tree.mutants(e.header)
        fitting = {m.new_line for m in known.get(e.header, []) if e.fits(m)}
        for new in e.new:
            if new not in fitting:
                gone += 1
                print(f"{os.path.relpath(tree.equivalent)}:{e.number}: {e.header} has no such mutant any more:\n- {e.old}\n+ {new}")
    return gone


def main():
    source = os.path.dirname(os.path.dirname(HERE))
    tree = Tree(os.path.join(source, "include"), os.path.join(source, "tests", "unit"), os.path.join(HERE, "equivalent.txt"), ROOMS)
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--room", action="append", choices=list(ROOMS))
    parser.add_argument("--file", action="append")
    parser.add_argument("--match")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--recheck", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check-list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--compiler", default=os.environ.get("CXX") or "g++")
    parser.add_argument("--work", default=os.path.join(source, "build", "mutation"))
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.compiler, options.work, options.jobs)

    entries = read_equivalent(tree.equivalent)
    if options.check_list:
        gone = stale(tree, entries)
        untested = [h for h in tree.in_rooms(ROOMS) if not tree.tests_of(h)]
        missing = sorted({t for h in tree.in_rooms(ROOMS) for t in tree.tests_of(h) if t not in tree.tests})
        for name in untested + missing:
            print(f"{name}: {'no tests are known for it' if name in untested else 'there is no such test'}")
        print(f"{sum(len(e.new) for e in entries)} equivalent mutants, {gone} of them gone")
        return 1 if gone or untested or missing else 0
    headers = [h.removeprefix("include/").removeprefix("takt/") for h in options.file or []]
    for header in headers:
        if header not in tree.headers:
            fail(f"there is no include/takt/{header}")
    headers = headers or tree.in_rooms(options.room or list(ROOMS))
    of_header = {h: tree.mutants(h) for h in headers}
    candidates = [m for h in headers for m in of_header[h]]
    if options.match:
        candidates = [m for m in candidates if options.match in m.old_line or options.match in m.new_line]
    chosen = candidates if options.all or options.match else by_seed(candidates, options.seed)[:options.sample]
    chosen = chosen[options.skip:]
    if options.list:
        for h in headers:
            mine = [m for m in of_header[h] if m in (candidates if options.file else chosen)]
            print(f"{h}: {len(mine)} of {len(of_header[h])} mutants; tests: {' '.join(tree.tests_of(h)) or 'none'}")
            for m in mine:
                print(f"include/takt/{h}:{m.line}: {m.kind}\n{shown(m, of_header[h])}")
        return 0
    untested = sorted({m.header for m in chosen if not m.test_names})
    if untested:
        fail("no tests are known for " + " ".join(untested))

    began = time.monotonic()
    counts, wrong = {}, []
    listed = {id(m) for m in chosen if any(e.fits(m) for e in entries)}
    counts["equivalent"] = 0 if options.recheck else len(listed)
    running = chosen if options.recheck else [m for m in chosen if id(m) not in listed]
    ended = set()

    def on_verdict(m, verdict, by):
        ended.add(id(m))
        place = f"include/takt/{m.header}:{m.line}"
        if id(m) in listed:
            if verdict == "survives":
                verdict = "equivalent"
            else:
                print(f"{place}: in equivalent.txt, but {verdict} ({by.splitlines()[0]})\n{shown(m, of_header[m.header])}",
                      flush=True)
                wrong.append(m)
        elif verdict == "survives":
            wrong.append(m)
            print(f"{place}: survives ({m.kind}){': ' + by if by else ''}; tests: {' '.join(m.test_names)}\n"
                  f"{shown(m, of_header[m.header])}", flush=True)
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict == "killed":
            counts[by] = counts.get(by, 0) + 1
        if sys.stderr.isatty():
            print(f"\r{len(ended)} of {len(running)} ", end="", file=sys.stderr, flush=True)

    run_all(Builder(tree, options.compiler, options.work), running, options.jobs, not options.quick, on_verdict,
            began + 60 * options.minutes)
    gone = stale(tree, entries)
    how = [f"{counts[by]} by the {by}" for by in ("static assertion", "time limit") if counts.get(by)]
    not_run = ""
    if len(ended) < len(running):  # mutants begin in the order of the sample, so these are the last
        begun = {id(m) for m in running}
        first = next(i for i, m in enumerate(chosen) if id(m) in begun and id(m) not in ended)
        not_run = f"; go on with --skip {options.skip + first}"
        if not options.recheck:
            counts["equivalent"] = sum(id(m) in listed for m in chosen[:first])
        chosen = chosen[:first]
    print(f"{len(chosen)} of {len(candidates)} mutants: {counts.get('killed', 0)} killed"
          f"{' (' + ', '.join(how) + ')' if how else ''}, {counts.get('not compiling', 0)} not compiling, "
          f"{counts['equivalent']} equivalent, {counts.get('survives', 0)} survive{not_run}; {time.monotonic() - began:.0f} s")
    return 1 if wrong or gone else 0


if __name__ == "__main__":
    sys.exit(main())
