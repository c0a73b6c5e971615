"""report_check.py FILE...: whether each can be the document of `takt report --json` on some machine.

The schema, examples/takt/report.schema.json, says which keys there are, of which types. What it cannot say stands here: which
facts need a source, and which values contradict each other. Knows nothing of the machine it runs on.
Exit status: 0 yes, 1 no, 77 where python3-jsonschema is not installed.
"""
import json
import math
import os
import sys

try:
    import jsonschema
except ImportError:
    print("SKIPPED: report_check: no python3-jsonschema, so no report is held against its schema")
    sys.exit(77)

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/takt/report.schema.json")


def load_schema():
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    return schema


def against_schema(report, schema):
    """What the schema has against a report."""
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message[:300]
            for e in jsonschema.Draft7Validator(schema).iter_errors(report)]


def near(a, b, relative):
    return math.isclose(a, b, rel_tol=relative)


def contradictions(report):
    """What cannot be true of a report that the schema allows."""
    found = []

    def expect(holds, what):
        if not holds:
            found.append(what)

    # Every fact has a source and every source a fact, in the sections that gather facts.
    for name in ("counter", "calibration", "clock_sources", "clock_events", "tick", "slack", "vdso"):
        section = report.get(name, {})
        expect(set(section) - {"sources"} == set(section.get("sources", {})), f"{name}: facts and sources differ")
    for name in report:
        for key in report[name].get("sources", {}) if isinstance(report[name], dict) else {}:
            expect(key in report[name], f"{name}: a source of {key}, which is not there")

    tick = report["tick"]
    for what, cpus in (("clock events", report["clock_events"]["devices"]), ("interrupts", tick["timer_interrupts_per_second"])):
        numbers = [each["cpu"] for each in cpus or []]
        expect(numbers == sorted(set(numbers)), f"{what}: CPUs twice or out of order: {numbers}")
    rates, total = tick["timer_interrupts_per_second"], tick["timer_interrupts_total_per_second"]
    expect((rates is None) == (total is None) == (tick["timer_interrupts_counted_s"] is None), "interrupts without a total or time")
    if rates is not None and total is not None:
        expect(near(sum(each["per_second"] for each in rates), total, 1e-6), f"the CPUs' interrupts are not their total, {total}")

    sources = report["clock_sources"]
    if None not in (sources["current"], sources["available"]):
        expect(sources["current"] in sources["available"], f"{sources['current']} is not among {sources['available']}")

    counter = report["counter"]
    verdict = report.get("verdict")
    if verdict is not None:
        expect(verdict["reasons"] or "against" in verdict, "a verdict without a reason")
        expect(verdict["counter_trusted"] == ("against" not in verdict), "a reason against the counter, and it is trusted; or none")
        expect(verdict["counter_trusted"] == (verdict["recommended_path"] == "counter"), "the counter is recommended and not trusted")
        if verdict["counter_trusted"]:
            expect(counter.get("exists") is not False and counter.get("allowed") is not False, "a counter is trusted that cannot be read")
    if "collection" in report:
        return found

    # Processor, hypervisor and kernel state this very rate. A per cent is more than any of them is off, or a clock is slewed.
    hz = counter["measured_frequency"]
    if hz is not None:
        expect(counter["exists"] is not False, "a rate was measured of a counter that does not exist")
        expect(1e5 < hz < 1e11, f"measured_frequency is {hz}")
        # A kernel whose clock counts ticks loses those of which a busy host keeps the guest: no rate can be held against it.
        by_ticks = (sources["current"] or "").endswith("jiffies")
        for key in () if by_ticks else ("cpuid_frequency", "hypervisor_frequency", "detected_frequency", "refined_frequency"):
            known = counter.get(key)
            limit = 0.1 if key == "detected_frequency" else 0.01  # what Linux makes of two timers in a busy guest
            expect(known is None or near(known, hz, limit), f"{key} is {known}, measured {hz}")

    calibration = report["calibration"]
    facts = [calibration[key] is not None for key in ("hertz", "uncertainty_ppm", "time_spent_ns", "samples_used", "samples_rejected")]
    known = calibration["origin"] != "none"
    expect(facts == [known] * len(facts), f"half a calibration: {calibration}")
    if all(facts):
        expect(0 < calibration["uncertainty_ppm"] < 1000, f"uncertainty_ppm is {calibration['uncertainty_ppm']}")
        expect(hz == calibration["hertz"], "two rates of one counter")

    vdso = report["vdso"]
    answers = vdso["answers"]
    expect(not (answers and vdso["symbols"] == 0), "a vDSO without symbols answers")
    if None not in (vdso["mode"], answers):  # found in two ways
        expect(answers == (vdso["mode"] != "system call"), "the vDSO answers and its mode disagree")
    expect(vdso["rate"] is None or vdso["mode"] not in (None, "system call"), "the vDSO reads by a rate and makes a system call")
    expect((vdso["rate"] is None) == (vdso["rate_unit_ppm"] is None), "a rate without its unit")

    cost = report["cost"]
    seen = set()
    for row in cost["rows"]:
        clock, path = row["clock"], row["path"]
        name = f"{clock} by {path}"
        expect((clock, path) not in seen, f"{name} twice")
        seen.add((clock, path))
        # Without a counter the kernel's clock times the batches, which may be as coarse as a tick.
        expect(row["median_ps"] > 0 or hz is None, f"{name} takes no time")
        expect((row["p99_ps"] is None) == (cost["batches"] < 100), f"{name}: p99 of {cost['batches']} batches")
        expect(row["p99_ps"] is None or row["p99_ps"] >= row["median_ps"], f"{name}: p99 below the median")
        expect((row["median_ticks"] is None) == (hz is None), f"{name}: ticks without a rate, or a rate without ticks")
        expect((row["p99_ticks"] is None) == (hz is None or row["p99_ps"] is None), f"{name}: p99 in ticks alone, or in time alone")
        if None not in (row["median_ticks"], hz):
            ticks = row["median_ps"] * hz / 1e12
            expect(abs(ticks - row["median_ticks"]) <= 0.5 * hz / 1e12 + 1e-6 * row["median_ticks"], f"{name}: ticks and time disagree")
        if clock == "CLOCK_MONOTONIC_COARSE" and None not in (row["resolution_ns"], tick["hz"]):
            expect(near(row["resolution_ns"] * tick["hz"], 1e9, 0.01), f"{name}: its resolution is not the tick")
        expect(row["resolution_ns"] is None or clock.startswith("CLOCK_"), f"{name}: a resolution that the kernel does not state")
        expect(row["in_user_space"] is None or path == "vDSO", f"{name}: in_user_space is of the vDSO alone")
        if (clock, path) == ("CLOCK_MONOTONIC", "vDSO") and None not in (row["in_user_space"], answers):
            expect(row["in_user_space"] == answers, f"{name}: the sections vdso and cost disagree")
    clocks = {clock for clock, path in seen}
    for clock in ("counter", "takt::tsc_clock", "takt::fast_tsc_clock"):
        expect((clock in clocks) == (hz is not None), f"{clock} is read exactly where the counter's rate is known")
    for clock in clocks | {"CLOCK_MONOTONIC"}:
        expect(not clock.startswith("CLOCK_") or (clock, "system call") in seen, f"{clock}: what does the system call cost?")
    return found


def check(report, schema):
    """All that is wrong with a report."""
    return against_schema(report, schema) or contradictions(report)


def main():
    if len(sys.argv) < 2:
        print("usage: report_check.py FILE...", file=sys.stderr)
        return 2
    schema = load_schema()
    failed = False
    for name in sys.argv[1:]:
        try:
            with open(name, encoding="utf-8") as file:
                wrong = check(json.load(file), schema)
        except ValueError as error:
            wrong = [str(error)]
        for each in wrong:
            print(f"{name}: {each}", file=sys.stderr)
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
