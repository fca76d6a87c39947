#!/usr/bin/env python3
"""All residuals of the shipped experiment: sulfit and the reference implementation of the same model in numba, taking
turns on one machine, one thread each, each at the loosest tolerance that keeps the capacities.

FOLDER holds the reference implementation (`fit.py` with `sim_star`, `sim_cnt` and `params`, `mgs.py`); it is not part of
this repository. README.md tells more.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
os.environ["RAYON_NUM_THREADS"] = "1"
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np

from compare import Sulfit

# Capacities that every tolerance must keep. That of cycle 400 is left out: its jumps over cycles are whole numbers,
# which change it by about 1e-3 whenever a tolerance changes one of them.
CAPACITIES = ("rate_0p05C", "rate_0p1C", "rate_0p5C", "rate_1C", "rate_2C", "rate_back_1C", "cycle_0p5C_early")
KEPT = 1e-4
TIGHT = 1e-7
TOLERANCES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


class SulfitResiduals:
    def __init__(self, sulfit, mesh):
        self.run = lambda tolerance, repeat: sulfit(
            "residuals", "--n-separator", mesh[0], "--n-cathode", mesh[1],
            "--relative", tolerance, "--absolute-factor", tolerance / 1e-5, "--repeat", repeat,
        )

    def capacities(self, tolerance):
        told = self.run(tolerance, 0)["ln_ratio"]
        return np.array([told[f"{name}, STAR@LCNC-S"] for name in CAPACITIES])

    def seconds(self, tolerance, calls):
        return self.run(tolerance, calls)["seconds"]


class ReferenceResiduals:
    """Its data come in the order of `CAPACITIES`."""

    def __init__(self, folder, mesh):
        sys.path.insert(0, str(folder))
        import fit
        import mgs

        x = np.array(json.loads((folder / "fit_final.json").read_text())["x"])
        self.mgs, self.fit, self.mesh, self.x = mgs, fit, mesh, x

    def run(self, tolerance):
        self.mgs.Cell.__init__.__defaults__ = (*self.mgs.Cell.__init__.__defaults__[:-2], tolerance, tolerance / 1e-5)
        star, cnt = self.fit.params(self.x)
        return np.array(self.fit.sim_star(star, *self.mesh) + self.fit.sim_cnt(cnt, *self.mesh), float)

    def capacities(self, tolerance):
        return np.log(self.run(tolerance)[: len(CAPACITIES)])

    def seconds(self, tolerance, calls):
        seconds = []
        for _ in range(calls):
            begin = time.perf_counter()
            self.run(tolerance)
            seconds.append(time.perf_counter() - begin)
        return seconds


def loosest(tool):
    """The loosest tolerance that keeps the capacities, and how far off they are there."""
    exact = tool.capacities(TIGHT)
    kept = None
    for tolerance in TOLERANCES:
        off = float(np.max(np.abs(tool.capacities(tolerance) - exact)))
        if off < KEPT:
            kept = (tolerance, off)
    if kept is None:
        sys.exit(f"no tolerance of {TOLERANCES} keeps the capacities within {KEPT}")
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the reference implementation")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each tool")
    parser.add_argument("--meshes", nargs="*", default=["4,1"], help="separator,cathode volumes")
    arguments = parser.parse_args()
    if not (arguments.folder / "fit.py").is_file():
        parser.error(f"{arguments.folder}: no fit.py there; name the folder of the reference implementation")
    sulfit = Sulfit()
    print("| mesh | tool | tolerance | capacities off | s | residual vectors per second | times the reference |")
    print("|---" * 7 + "|")
    for mesh in arguments.meshes:
        volumes = tuple(int(n) for n in mesh.split(","))
        tools = {"reference": ReferenceResiduals(arguments.folder, volumes), "sulfit": SulfitResiduals(sulfit, volumes)}
        found = {name: loosest(tool) for name, tool in tools.items()}
        seconds = {name: [] for name in tools}
        for _ in range(arguments.rounds):
            for name, tool in tools.items():
                seconds[name] += tool.seconds(found[name][0], 2)
        medians = {name: float(np.median(each)) for name, each in seconds.items()}
        for name, (tolerance, off) in found.items():
            cells = [mesh, name, f"{tolerance:.0e}", f"{off:.0e}", f"{medians[name]:.3f}", f"{1 / medians[name]:.2f}"]
            print("|", " | ".join([*cells, f"{medians['reference'] / medians[name]:.1f}"]), "|", flush=True)


if __name__ == "__main__":
    main()
