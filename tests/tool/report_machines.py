"""report_machines.py TAKT: the reports of many machines, and the schema that they are held against.

machines/NAME.txt     what collect.sh gathers on a machine: a kernel, a processor, a hypervisor. A line "==> PATH" begins each
                      file; \\0 stands for a NUL byte. kvm_6_18 was gathered and shortened; the others are written after the
                      texts that such machines have.
machines/NAME.json    what takt reports of it: the reference. Equal to the last digit, on x86-64.
machines/guest_*.json what `takt report --json` printed in a guest of tests/guest, recorded.
machines/user_mode_*.json
                      the same of a program for another processor, which qemu emulated on the kernel of an x86-64 machine.
All must pass report_check, and the schema must refuse those named in DAMAGED as soon as a key is missing, unknown, or
of another type. With TAKT_RECORD=1 in the environment the references are written anew instead of compared.
"""
import copy
import glob
import json
import os
import platform
import subprocess
import sys
import tempfile

import report_check

# One of each form that a report has: on x86, on other architectures, and of a collection.
DAMAGED = ("guest_invariant", "user_mode_aarch64", "kvm_6_18")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "machines")
failures = 0


def fail(what):
    global failures
    failures += 1
    print("FAILED:", what)


def unpack(bundle, directory):
    """Writes the files of a collection into a directory."""
    with open(bundle, encoding="utf-8") as file:
        parts = file.read().split("==> ")
    for part in parts[1:]:
        path, _, text = part.partition("\n")
        place = os.path.join(directory, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as out:
            out.write(text.replace("\\0", "\0"))


def report_of(takt, bundle):
    with tempfile.TemporaryDirectory() as directory:
        unpack(bundle, directory)
        done = subprocess.run([takt, "report", "--from", directory, "--json"], stdout=subprocess.PIPE, timeout=60)
    if done.returncode != 0:
        fail(f"{os.path.basename(bundle)}: status {done.returncode}")
        return None
    return json.loads(done.stdout)


def without_version(report):
    report = copy.deepcopy(report)
    report.get("takt", {})["version"] = "0.0.0"
    return report


def first_difference(a, b, where=""):
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        pairs = [(key, a[key], b[key]) for key in a]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(i, a[i], b[i]) for i in range(len(a))]
    else:
        return f"{where}: {json.dumps(a)[:200]} instead of {json.dumps(b)[:200]}"
    for key, x, y in pairs:
        if x != y:
            return first_difference(x, y, f"{where}/{key}")
    return where


def properties_of(schema):
    """Each (definition, key) of the schema with what it says of the key."""
    def inside(name, node):
        for key, value in node.get("properties", {}).items():
            yield name, key, value
            yield from inside(f"{name}.{key}", value.get("items", {}))
    for name, node in schema["definitions"].items():
        yield from inside(name, node)


def check_schema(schema):
    """One version; each key is described; no object takes keys that it does not name but the sources, which are by fact."""
    version = schema["definitions"]["takt"]["properties"]["schema"]["const"]
    if schema["$id"] != f"urn:takt:report:{version}" or schema["title"] != f"takt report --json, version {version}":
        fail(f"the schema has several versions: {version}, {schema['$id']}, {schema['title']}")
    for name, key, value in properties_of(schema):
        target = schema["definitions"][value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else value
        if not target.get("description") and name != "report":
            fail(f"the schema does not describe {name}.{key}")
    objects = list(schema["definitions"].items())
    objects += [(f"{name}.{key}", value["items"]) for name, key, value in properties_of(schema) if "items" in value]
    for name, node in objects:
        if node.get("type") == "object" and name != "sources":
            if node.get("additionalProperties") is not False:
                fail(f"{name} takes keys that it does not name")
            unknown = set(node["required"]) - set(node["properties"])
            if unknown:
                fail(f"{name} requires {unknown}, which it does not describe")


def others(value):
    """Values of other types than that of `value`."""
    if isinstance(value, (dict, list)):
        return [{"x": 1}, [{"x": 1}], "x"]
    if value is None:
        return [{"x": 1}, [1]]
    return [{"x": 1}, [1], 12345 if isinstance(value, str) else str(value)]


def damages(node, path=()):
    """Every way to take a key, to add one, and to make a value another type: (what, function that does it)."""
    def at(root):
        for key in path:
            root = root[key]
        return root

    if isinstance(node, dict):
        if path[-1:] != ("sources",):
            yield f"{path} with another key", lambda root: at(root).__setitem__("another_key", 1)
        for key in node:
            if path[-1:] != ("sources",) and key not in ("against", "remarks", "broadcast_matters", "verdict"):
                yield f"{path} without {key}", lambda root, key=key: at(root).pop(key)
            for wrong in others(node[key]):
                yield f"{path}, {key} as {wrong}", lambda root, key=key, wrong=wrong: at(root).__setitem__(key, wrong)
            yield from damages(node[key], path + (key,))
    elif isinstance(node, list) and node:
        yield f"{path} with a number in it", lambda root: at(root).append(-1.5)
        yield from damages(node[0], path + (0,))


def check_refusals(name, report, schema):
    """The schema refuses every damage to a report that it takes."""
    report = copy.deepcopy(report)
    if "cost" in report:
        report["cost"]["rows"] = report["cost"]["rows"][:1]  # all rows are alike
    if report_check.against_schema(report, schema):
        return fail(f"{name}: refused before it was damaged")
    validator = report_check.jsonschema.Draft7Validator(schema)
    count = 0
    for what, damage in damages(report):
        damaged = copy.deepcopy(report)
        damage(damaged)
        count += 1
        if validator.is_valid(damaged):
            fail(f"{name}: the schema takes it {what}")
    if count < 80:
        fail(f"{name}: only {count} damages")
    print(f"{name}: damaged in {count} ways")


def change(path, value):
    """Returns: a function that sets what is at `path` in a report, or calls `value` with what is there."""
    def apply(report):
        *inner, last = path.split("/")
        for key in inner:
            report = report[int(key) if key.isdigit() else key]
        last = int(last) if last.isdigit() else last
        report[last] = value(report[last]) if callable(value) else value
    return apply


# Each makes the report of a machine with a trusted counter contradict itself, in values that the schema takes.
CONTRADICTIONS = {
    "a read takes no time": change("cost/rows/0/median_ps", 0),
    "p99 below the median": change("cost/rows/0/p99_ps", 1),
    "no p99": change("cost/rows/0/p99_ps", None),
    "other ticks than the time": change("cost/rows/0/median_ticks", lambda x: 2 * x),
    "no ticks": change("cost/rows/0/median_ticks", None),
    "a row twice": change("cost/rows", lambda x: x + x[:1]),
    "no counter among the clocks": change("cost/rows", lambda x: [r for r in x if r["clock"] != "counter"]),
    "no tsc_clock": change("cost/rows", lambda x: [r for r in x if r["clock"] != "takt::tsc_clock"]),
    "no CLOCK_MONOTONIC": change("cost/rows", lambda x: [r for r in x if r["clock"] != "CLOCK_MONOTONIC"]),
    "no system calls": change("cost/rows", lambda x: [r for r in x if r["path"] != "system call"]),
    "a counter in user space": change("cost/rows/0/in_user_space", True),
    "another HZ than the coarse clocks": change("tick/hz", lambda x: 2 * x),
    "another total of interrupts": change("tick/timer_interrupts_total_per_second", lambda x: x + 1),
    "interrupts of no time": change("tick/timer_interrupts_counted_s", None),
    "a CPU twice": change("clock_events/devices", lambda x: x + x),
    "a clock source that is not available": change("clock_sources/current", "no_such_source"),
    "trusted for no reason": change("verdict/reasons", []),
    "not trusted, with nothing against it": change("verdict/counter_trusted", False),
    "trusted and not recommended": change("verdict/recommended_path", "vDSO"),
    "trusted and forbidden": change("counter/allowed", False),
    "trusted and not there": change("counter/exists", False),
    "another rate in CPUID": change("counter/cpuid_frequency", 1e8),
    "two rates measured": change("calibration/hertz", lambda x: 1.0001 * x),
    "half a calibration": change("calibration/samples_used", None),
    "no origin": change("calibration/origin", "none"),
    "no error": change("calibration/uncertainty_ppm", 0),
    "a vDSO that answers without symbols": change("vdso/symbols", 0),
    "a vDSO that answers by system call": change("vdso/mode", "system call"),
    "a rate without its unit": change("vdso/rate_unit_ppm", None),
    "a fact without a source": change("tick/sources", lambda x: {key: x[key] for key in x if key != "hz"}),
    "a source without a fact": change("tick/sources", lambda x: {**x, "sundial": "the sun"}),
}


def check_contradictions(name, report, schema):
    for what, contradict in CONTRADICTIONS.items():
        changed = copy.deepcopy(report)
        contradict(changed)
        if report_check.against_schema(changed, schema):
            fail(f"{name}, {what}: the schema refuses it already")
        if not report_check.contradictions(changed):
            fail(f"{name}, {what}: taken")


def main():
    takt = sys.argv[1]
    schema = report_check.load_schema()
    check_schema(schema)
    record = os.environ.get("TAKT_RECORD")
    bundles = sorted(glob.glob(os.path.join(HERE, "*.txt")))
    if not bundles:
        fail("no machines")
    for bundle in bundles:
        report = report_of(takt, bundle)
        if report is None:
            continue
        for wrong in report_check.check(report, schema):
            fail(f"{os.path.basename(bundle)}: {wrong}")
        reference = bundle[:-len(".txt")] + ".json"
        if record:
            with open(reference, "w", encoding="utf-8") as file:
                json.dump(without_version(report), file, indent=1)
                file.write("\n")
        elif platform.machine() == "x86_64":  # whose counters takt judges depends on where it runs
            with open(reference, encoding="utf-8") as file:
                expected = json.load(file)
            if without_version(report) != expected:
                fail(f"{os.path.basename(bundle)}: {first_difference(without_version(report), expected)}")

    references = sorted(glob.glob(os.path.join(HERE, "*.json")))
    seen = set()
    for name in references:
        with open(name, encoding="utf-8") as file:
            report = json.load(file)
        for wrong in report_check.check(report, schema):
            fail(f"{os.path.basename(name)}: {wrong}")
        seen.update(keys_of(report))
    # No key of the schema is one that takt does not print. The counter of another architecture has a part of the keys of x86.
    for name, key, _ in properties_of(schema):
        if key not in seen:
            fail(f"no reference has a {key}, as {name} describes")

    for part in DAMAGED:
        with open(os.path.join(HERE, part + ".json"), encoding="utf-8") as file:
            report = json.load(file)
        check_refusals(part, report, schema)
        if report.get("cost") and report["verdict"]["counter_trusted"]:
            check_contradictions(part, report, schema)
    print("passed" if not failures else f"{failures} failures")
    return 1 if failures else 0


def keys_of(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys_of(value)


if __name__ == "__main__":
    sys.exit(main())
