#!/usr/bin/env python3
"""sulfit and PyBaMM's IDAKLU, compiled ahead of time, on the same equations, taking turns on one machine.

Prints a table of discharges at several tolerances, one at equal errors, and one of fits; README.md tells more.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

sys.dont_write_bytecode = True
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np

import peers

PROJECT = Path(__file__).resolve().parents[2]
RATES = {"0.1C": ("gal_0p1C_N10.json", []), "2C": ("gal_2C_N10.json", ["--conditioned"])}
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
ERRORS_MV = (1e-1, 1e-2, 1e-3, 1e-4)
STARTS = {"A": 2.0, "B": 0.5}
PYBOP = ("SLSQP", "L-BFGS-B", "IRPropPlus", "CMAES")
# A fit has found the right parameters if each is this close: the noise leaves 0.3 %.
RIGHT = 0.02


class Sulfit:
    """The program beside this script."""

    def __init__(self):
        command = ["cargo", "build", "--release", "--locked", "--bench", "peers", "--message-format=json"]
        built = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
        messages = map(json.loads, built.stdout.splitlines())
        self.program = next(m["executable"] for m in messages if m.get("target", {}).get("name") == "peers")

    def __call__(self, *arguments):
        ran = subprocess.run([self.program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(ran.stdout)

    def discharge(self, path, relative, *more):
        return self("discharge", path, "--relative", relative, "--absolute-factor", relative / 1e-5, *more)


class Timed:
    """The times of one tool in one case: of a call with its voltage curve, and of the solution alone."""

    def __init__(self, calls):
        self.calls, self.whole, self.alone = calls, [], []


class SulfitDischarge(Timed):
    def __init__(self, calls, sulfit, path, relative):
        super().__init__(calls)
        self.run = lambda *more: sulfit.discharge(path, relative, *more)
        self.last = self.run("--repeat", 0, "--wanted", "curve")

    def round(self):
        self.whole += self.run("--repeat", self.calls, "--wanted", "time")["seconds"]
        self.alone += self.run("--repeat", self.calls, "--wanted", "end")["seconds"]

    def curve(self):
        return self.last["time_s"], self.last["voltage_v"], self.last["end_s"]

    def steps(self):
        return self.last["steps"]


class PeerDischarge(Timed):
    """`run` solves and returns the solution, on which the voltage at its steps is asked for."""

    def __init__(self, calls, run):
        super().__init__(calls)
        self.run = run
        self.last = run()

    def round(self):
        self.voltage(self.run())
        for _ in range(self.calls):
            begin = time.perf_counter()
            self.last = self.run()
            solved = time.perf_counter()
            self.voltage(self.last)
            self.whole.append(time.perf_counter() - begin)
            self.alone.append(solved - begin)

    @staticmethod
    def voltage(solution):
        return solution[peers.VOLTAGE].data

    def curve(self):
        return self.last.t, self.voltage(self.last), self.last.t[-1]

    def steps(self):
        return len(self.last.t) - 1


def ladder(sulfit, baseline, rate, n_cathode, rounds, calls, folder):
    """{tool: {tolerance: (seconds, error in mV, steps)}} of one case."""
    path = case_file(sulfit, rate, n_cathode, folder)
    case = json.loads(path.read_text())
    model = peers.discretised(case)
    reference = peers.Reference(model, case)
    runs = {("sulfit", t): SulfitDischarge(calls, sulfit, path, t) for t in TOLERANCES}
    for t in TOLERANCES[1:]:
        runs["IDAKLU", t] = PeerDischarge(calls, peers.discharge(model, case, t))
        if baseline:
            runs["IDAKLU, vectors", t] = PeerDischarge(calls, baseline.discharge(rate, n_cathode, t))
    for _ in range(rounds):
        for run in runs.values():
            run.round()
    found = {}
    for (tool, tolerance), run in runs.items():
        times, volts, end_s = run.curve()
        found.setdefault(tool, {})[tolerance] = {
            "seconds": float(np.median(run.whole)),
            "seconds_min": min(run.whole),
            "alone": float(np.median(run.alone)),
            "alone_min": min(run.alone),
            "error_mv": float(reference.error_mv(times, volts)),
            "end_off": abs(float(end_s) / reference.end_s - 1),
            "steps": run.steps(),
        }
    return found


def case_file(sulfit, rate, n_cathode, folder):
    """The case of `tests/reference`, or the same on another mesh after its own rest."""
    name, more = RATES[rate]
    known = PROJECT / "tests/reference" / name
    if n_cathode == 10:
        return known
    made = sulfit("case", known, "--c-rate", rate.removesuffix("C"), "--n-cathode", n_cathode, *more)
    path = folder / f"{rate}_{n_cathode}.json"
    path.write_text(json.dumps(made))
    return path


def seconds_at(rungs, what, error_mv):
    """Time at an error, interpolated between tolerances in logarithms; NaN outside of what was measured."""
    rungs = sorted(rungs.values(), key=lambda rung: rung["error_mv"])
    errors = np.log([rung["error_mv"] for rung in rungs])
    seconds = np.log([rung[what] for rung in rungs])
    at = np.interp(np.log(error_mv), errors, seconds, left=np.nan, right=np.nan)
    return float(np.exp(at))


def tell_ladder(title, found):
    print(f"\n### {title}\n")
    print("| tool | tolerance | with V(t), ms | times sulfit | solution alone, ms | times sulfit | error, mV | end time off | steps |")
    print("|---" * 9 + "|")
    for tool, rungs in found.items():
        for tolerance, rung in rungs.items():
            cells = [tool, f"{tolerance:.0e}"]
            for what in ("seconds", "alone"):
                cells += [f"{1e3 * rung[what]:.1f}", f"{rung[what] / found['sulfit'][tolerance][what]:.2f}"]
            cells += [f"{rung['error_mv']:.1e}", f"{rung['end_off']:.0e}", str(rung["steps"])]
            print("|", " | ".join(cells), "|")
    others = [tool for tool in found if tool != "sulfit"]
    heads = [f"{tool}, {part}, times sulfit" for tool in others for part in ("with V(t)", "alone")]
    print("\n| equal error, mV | sulfit, with V(t), ms |", " | ".join(heads), "|")
    print("|---" * (2 + len(heads)) + "|")
    for error in ERRORS_MV:
        cells = [f"{error:.0e}", f"{1e3 * seconds_at(found['sulfit'], 'seconds', error):.1f}"]
        for tool in others:
            for what in ("seconds", "alone"):
                own = seconds_at(found["sulfit"], what, error)
                cells.append(f"{seconds_at(found[tool], what, error) / own:.2f}")
        print("|", " | ".join(cells), "|", flush=True)


def fits(sulfit, baseline, rounds, with_pybop, folder):
    """{start: {tool: result of its last run, with the median time}}."""
    path = case_file(sulfit, "0.1C", 5, folder)
    case = json.loads(path.read_text())
    data = peers.noisy_data(peers.Reference(peers.discretised(case), case))
    data_path = folder / "data.json"
    data_path.write_text(json.dumps(dict(zip(("time_s", "voltage_v"), (column.tolist() for column in data)))))
    tools = {"sulfit": lambda start: sulfit_fit(sulfit, path, data_path, start)}
    tools["least squares, IDAKLU"] = peers.Fit(case, data)
    if baseline:
        tools["least squares, IDAKLU, vectors"] = baseline.least_squares
    once = {f"PyBOP {method}": baseline.pybop(method) for method in PYBOP} if with_pybop else {}
    found = {}
    for start, factor in STARTS.items():
        results = {}
        for _ in range(rounds):
            for tool, fit in tools.items():
                results.setdefault(tool, []).append(fit(factor))
        results.update({tool: [fit(factor)] for tool, fit in once.items()})
        found[start] = {tool: {**each[-1], "seconds": median(each)} for tool, each in results.items()}
    return found


def median(results):
    return float(np.median([result["seconds"] for result in results]))


def sulfit_fit(sulfit, path, data_path, start):
    told = sulfit("fit", path, "--data", data_path, "--start", start, "--repeat", 3)
    solves = f"{told['plain_solves']} plain, {told['solves_with_derivatives']} with derivatives"
    return {**told, "seconds": float(np.median(told["seconds"])), "solves": solves}


def tell_fits(found):
    print("\n### Fit of kdes, k3, k4, vmax\n")
    print("| start | tool | s | times sulfit | solves | failed | rms, mV | kdes, k3, k4, vmax over truth | right |")
    print("|---|---|---|---|---|---|---|---|---|")
    for start, results in found.items():
        for tool, result in results.items():
            ratios = list(result["ratio_to_truth"][name] for name in peers.FREE)
            right = "yes" if max(abs(np.log(ratios))) < RIGHT else "no"
            cells = [start, tool, f"{result['seconds']:.2f}", f"{result['seconds'] / results['sulfit']['seconds']:.1f}"]
            cells += [str(result["solves"]), str(result["failures"]), f"{result['rms_mv']:.4f}"]
            print("|", " | ".join([*cells, ", ".join(f"{r:.4f}" for r in ratios), right]), "|", flush=True)


class Baseline:
    """The folder of an older benchmark, whose model keeps all states in one vector."""

    def __init__(self, folder):
        sys.path.insert(0, str(folder))
        import common
        import fit_pybop
        import pybamm_model

        self.common, self.fits, self.model = common, fit_pybop, pybamm_model

    def discharge(self, rate, n_cathode, tolerance):
        case = self.common.case(rate.replace(".", "p"), n_cathode)
        return self.model.idaklu(case, tolerance, compile=True)[0]

    def least_squares(self, factor):
        return self.told(self.fits.least_squares_idaklu, factor)

    def pybop(self, method):
        return lambda factor: self.told(self.fits.pybop_fit, factor, method)

    def told(self, fit, factor, *more):
        start = next(name for name, other in STARTS.items() if other == factor)
        try:
            told = fit(self.common.case("0p1C", 5), start, *more)
        except ValueError as error:
            print(f"start {start}, {more}: {error}", file=sys.stderr)
            told = {"wall_s": np.nan, "evaluations": "-", "failures": "-", "ratio_to_truth": dict.fromkeys(peers.FREE, np.nan)}
        rms_mv = told.get("rms_mV")
        return {**told, "seconds": told["wall_s"], "solves": told["evaluations"], "rms_mv": np.nan if rms_mv is None else rms_mv}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each tool")
    parser.add_argument("--calls", type=int, default=3, help="timed discharges a turn")
    parser.add_argument("--fit-rounds", type=int, default=3, help="turns of each fit")
    parser.add_argument("--meshes", type=int, nargs="*", default=[10], help="volumes of the cathode in the discharges")
    parser.add_argument("--baseline", type=Path, help="folder of an older benchmark that takes part")
    parser.add_argument("--pybop", action="store_true", help="PyBOP's fits of that benchmark too, once each")
    parser.add_argument("--write", type=Path, help="JSON file for all results")
    arguments = parser.parse_args()
    if arguments.baseline and not (arguments.baseline / "pybamm_model.py").is_file():
        parser.error(f"{arguments.baseline}: no pybamm_model.py there; leave --baseline out or name another folder")
    if arguments.pybop and not arguments.baseline:
        parser.error("--pybop needs --baseline: the fits are those of that folder")
    baseline = Baseline(arguments.baseline) if arguments.baseline else None
    sulfit = Sulfit()
    versions = {name: version(name) for name in ("pybamm", "pybammsolvers", "casadi", "scipy", "numpy")}
    print(time.strftime("%Y-%m-%d"), platform.machine(), f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f},", versions)
    results = {"versions": versions}
    with tempfile.TemporaryDirectory() as folder:
        for n_cathode in arguments.meshes:
            for rate in RATES:
                title = f"{rate}, {n_cathode} cathode volumes"
                results[title] = ladder(
                    sulfit, baseline, rate, n_cathode, arguments.rounds, arguments.calls, Path(folder)
                )
                tell_ladder(title, results[title])
        if arguments.fit_rounds:
            results["fits"] = fits(sulfit, baseline, arguments.fit_rounds, arguments.pybop, Path(folder))
            tell_fits(results["fits"])
    if arguments.write:
        arguments.write.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
