#!/usr/bin/env python3
"""Makes the SYNTHETIC cells of this campaign: cells.csv and truth.csv.

    python3 experiments/screening/make.py                       the twelve cells that lie here
    python3 experiments/screening/make.py --catalysts 100 --replicates 10 --out DIR

A catalyst has five constants, a cell of it scatters about them, `sulfit simulate` runs the cell on a mesh
twice as fine as that of the fits, and every number gets the noise that facts.csv states.
"""

import argparse
import concurrent.futures
import csv
import math
import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "models" / "mg_s_tandem.toml"
# Standard deviations of ln(constant): between catalysts and between cells of one catalyst. ASSUMED.
SCATTER = {"kdes": (0.40, 0.08), "k1": (0.35, 0.08), "k3": (0.60, 0.15), "k4": (0.40, 0.10), "vmax": (0.15, 0.03)}
FILES = ("experiment.toml", "dataset.toml", "facts.csv")


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def with_value(model, constant, value):
    """The text of the model file with another value of one constant."""
    pattern = rf"(\[parameter\.{constant}\]\nvalue = )\S+"
    text, count = re.subn(pattern, lambda found: f"{found[1]}{value!r}", model)
    assert count == 1, constant
    return text


def value_of(model, constant):
    return float(re.search(rf"\[parameter\.{constant}\]\nvalue = (\S+)", model)[1])


def truths(catalysts, replicates, seed):
    draw = random.Random(seed)
    model = MODEL.read_text()
    for catalyst in range(1, catalysts + 1):
        shift = {name: draw.gauss(0, between) for name, (between, _) in SCATTER.items()}
        for replicate in range(1, replicates + 1):
            values = {
                name: value_of(model, name) * math.exp(shift[name] + draw.gauss(0, within))
                for name, (_, within) in SCATTER.items()
            }
            yield f"cat{catalyst:02}-{replicate}", f"cat{catalyst:02}", replicate, values


def simulated(sulfit, values):
    """What the cell model answers, or None where it cannot be solved."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = MODEL.read_text()
        for name, value in values.items():
            model = with_value(model, name, value)
        (folder / "model.toml").write_text(model)
        for name in FILES:
            text = (HERE / name).read_text().replace("../../models/mg_s_tandem.toml", "model.toml")
            text = re.sub(r"fine = \{[^}]*\}", "fine = { separator = 8, cathode = 4, relative_tolerance = 1e-5, absolute_factor = 1.0 }", text)
            (folder / name).write_text(re.sub(r"\{(\w+)\}", "1", text))
        command = [sulfit, "simulate", str(folder / "experiment.toml"), "--out", str(folder / "out"), "--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None
        return {row["id"]: float(row["model"]) for row in rows(folder / "out" / "observables.csv")}


def measured(answers, seed):
    """The answers with the noise that facts.csv states."""
    draw = random.Random(seed)
    noisy = {}
    for fact in rows(HERE / "facts.csv"):
        answer, amount = answers[fact["id"]], float(fact["uncertainty"])
        sd = amount * abs(answer) if fact["uncertainty_kind"] == "relative" else amount
        noisy[fact["id"]] = f"{draw.gauss(answer, sd):.5g}"
    return noisy


def main():
    parser = argparse.ArgumentParser(description="Makes synthetic cells.")
    parser.add_argument("--catalysts", type=int, default=4)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--sulfit", default=shutil.which("sulfit") or str(HERE.parents[1] / "target/release/sulfit"))
    given = parser.parse_args()
    cells = list(truths(given.catalysts, given.replicates, given.seed))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda cell: simulated(given.sulfit, cell[3]), cells))
    given.out.mkdir(parents=True, exist_ok=True)
    names = [fact["id"] for fact in rows(HERE / "facts.csv")]
    with open(given.out / "cells.csv", "w", newline="") as file, open(given.out / "truth.csv", "w", newline="") as truth:
        table, known = csv.writer(file, lineterminator="\n"), csv.writer(truth, lineterminator="\n")
        table.writerow(["name", "catalyst", "replicate", "seed", *names])
        known.writerow(["name", *SCATTER])
        for number, ((name, catalyst, replicate, values), answer) in enumerate(zip(cells, answers), 1):
            if answer is None:
                print(f"{name}: the simulation failed; left out")
                continue
            noisy = measured(answer, f"{given.seed} {name}")
            table.writerow([name, catalyst, replicate, number, *(noisy[fact] for fact in names)])
            known.writerow([name, *(f"{value:.6g}" for value in values.values())])
    for file in (*FILES, "campaign.toml"):
        if given.out.resolve() != HERE:
            text = (HERE / file).read_text().replace("../../models", str(MODEL.parent))
            (given.out / file).write_text(text)


if __name__ == "__main__":
    main()
