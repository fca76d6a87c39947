"""The Mg-S cell of docs/theory.md as a PyBaMM model: one scalar state after the other.

Quantities are NumPy arrays of PyBaMM symbols over the volumes, of length one where there is one value only: a bare
symbol would take an array beside it for a vector of numbers.
"""

import os

os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")

import numpy as np
import pybamm

FARADAY_C_PER_MOL = 96485.33212
GAS_J_PER_MOL_K = 8.314462618
DISSOLVED = ("salt", "S8", "MgS8", "MgS4")
SOLIDS = ("S8_solid", "MgS2", "MgS", "dead")
VOLTAGE = "Voltage [V]"

exp = np.vectorize(pybamm.exp, otypes=[object])
log = np.vectorize(pybamm.log, otypes=[object])
sqrt = np.vectorize(pybamm.sqrt, otypes=[object])


def symbols(*each):
    return np.array(each, dtype=object)


def at_least(x, floor):
    return np.vectorize(lambda x: pybamm.maximum(x, floor), otypes=[object])(x)


def odd_saturation(n, scale):
    """n / (|n| + scale): the activity of a solid, odd so that round-off below zero does not run away."""
    return n / (np.abs(n) + scale)


class State:
    """The unknowns in the order of a case file: foil, film, loss, wetted fraction, separator, cathode."""

    def __init__(self, n_separator, n_cathode):
        self.all = []
        self.foil_v, self.film, self.lost, self.wetted = self._take(4).reshape(4, 1)
        chain = self._take(n_separator * len(DISSOLVED)).reshape(n_separator, -1)
        self.separator = dict(zip(DISSOLVED, chain.T))
        names = (*DISSOLVED, *SOLIDS, "coverage", "potential_v")
        chain = self._take(n_cathode * len(names)).reshape(n_cathode, -1)
        self.cathode = dict(zip(names, chain.T))

    def _take(self, n):
        new = [pybamm.Variable(f"y{len(self.all) + i}") for i in range(n)]
        self.all += new
        return symbols(*new)


def absolute_tolerances(n_separator, n_cathode):
    """Those that sulfit takes by default, in the same order."""
    foil = [1e-7, 1e-7, 1e-9, 1e-7]
    separator = [1e-4, 1e-6, 1e-6, 1e-6]
    cathode = [1e-4, 1e-5, 1e-5, 1e-5, 1e-4, 1e-4, 1e-4, 1e-4, 1e-8, 1e-7]
    return np.array(foil + separator * n_separator + cathode * n_cathode)


class Conversion:
    """Rates of the four conversions and of desolvation in the volumes of the cathode."""

    def __init__(self, p, state, conc):
        volume = state.cathode
        theta, growth = volume["coverage"], p["VM1"] * volume["MgS"]
        limit = p["vmax"] * state.wetted
        covered = (growth + p["wd"] * p["VM1"] * volume["dead"] + p["w2"] * p["VM2"] * volume["MgS2"]) / limit
        share = 0.5 * (1 - covered + sqrt((1 - covered) ** 2 + 4 * p["dpas"] ** 2))
        self.free = state.wetted * share ** p["pp"]
        nuclei = growth / limit
        nuclei = 0.5 * (nuclei + sqrt(nuclei**2 + 1e-8))
        nucleated = (p["h0"] + nuclei ** (2 / 3)) / (p["h0"] + 1)
        carrier = conc["salt"] / p["c0"]
        vacant = p["Kdes"] * carrier * (1 - theta)
        self.desolvation = p["kdes"] * (carrier * (1 - theta) - theta / p["Kdes"])
        x = {name: conc[name] / p["cp"] for name in DISSOLVED[1:]}
        s2 = odd_saturation(volume["MgS2"], p["ns_s"])
        s1 = odd_saturation(volume["MgS"], p["ns_s"])
        two_f = 2 * FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * p["T"])

        def rate(k, e0, alpha, oxidised, reduced):
            e = two_f * (volume["potential_v"] - p[e0])
            forth, back = exp(-p[alpha] * e), exp((1 - p[alpha]) * e)
            ahead = theta * oxidised * forth - vacant * reduced * back
            return p[k] * ahead / (1 + p[k] / p["kmax"] * (forth + back))

        self.steps = [
            rate("k1", "E1", "al", x["S8"], x["MgS8"]),
            rate("k2", "E2", "al", x["MgS8"], x["MgS4"] * np.abs(x["MgS4"])),
            rate("k3", "E3", "al", x["MgS4"], s2),
            nucleated * rate("k4", "E4", "al4", s2, s1),
        ]
        self.total = sum(self.steps)


def concentrations(p, state):
    """Concentrations along the chain of volumes and the transport factor of each volume."""
    volume = state.cathode
    open_ = p["e0"] - p["V8"] * volume["S8_solid"] - p["VM2"] * volume["MgS2"] - p["VM1"] * (volume["MgS"] + volume["dead"])
    pores = 0.02 + 0.5 * (open_ - 0.02 + sqrt((open_ - 0.02) ** 2 + 1e-6))
    cathode = {}
    for name in DISSOLVED:
        adsorbed = p["Kads"] if name in ("MgS8", "MgS4") else 0
        cathode[name] = volume[name] / (pores + adsorbed)
    separator = {name: state.separator[name] / p["es"] for name in DISSOLVED}
    chain = {name: np.concatenate([separator[name], cathode[name]]) for name in DISSOLVED}
    n_separator = len(separator["salt"])
    factor = np.concatenate([np.full(n_separator, p["es"] ** p["brug"]), pores ** p["brug"]])
    return chain, cathode, factor


class MgS(pybamm.BaseModel):
    """The cell under a constant current density until the cut-off."""

    def __init__(self, case, event="cut-off", free=()):
        """`free` names the parameters that become inputs; the others are numbers, as in a tuned model."""
        super().__init__(name="Mg-S tandem cell")
        p = dict(case["params"])
        p.update({name: symbols(pybamm.InputParameter(name)) for name in free})
        segment = case["segments"][0]
        current = symbols(pybamm.Scalar(segment["I_A_m2"]))
        state = State(case["Ns"], case["Nc"])
        rates, voltage = equations(p, state, current)
        self.rhs = dict(zip(state.all, rates))
        self.initial_conditions = dict(zip(state.all, map(pybamm.Scalar, case["y0"])))
        self.variables = {VOLTAGE: voltage[0]}
        self.events = [pybamm.Event(event, voltage[0] - segment["v_lo"])]


def equations(p, state, current):
    """Time derivatives in the order of the state, and the terminal voltage."""
    n_separator, n_cathode = len(state.separator["salt"]), len(state.cathode["salt"])
    f = FARADAY_C_PER_MOL / (GAS_J_PER_MOL_K * p["T"])
    chain, cathode, factor = concentrations(p, state)
    width = np.repeat([p["Ls"] / n_separator, p["Lc"] / n_cathode], [n_separator, n_cathode])
    half = 0.5 * width / factor
    path = half[:-1] + half[1:]
    resistance = path / p["kap"]
    salt = log(at_least(chain["salt"], 1e-6))
    diffusion_v = p["chi"] * (1 - p["tp"]) / f * (salt[1:] - salt[:-1])

    # Ionic current through the inner faces, and the voltage, linear in the current.
    e = state.cathode["potential_v"]
    solid = width[-1] / p["sig"]
    inner = slice(n_separator, None)
    within = (e[1:] - e[:-1] + diffusion_v[inner] + solid * current) / (resistance[inner] + solid)
    ionic = np.concatenate([np.repeat(current, n_separator), within])
    ohmic = half[0] / p["kap"] + 0.5 * solid + p["Rs"]
    voltage = e[-1:] - state.foil_v - np.sum(ionic * resistance - diffusion_v, keepdims=True) - current * ohmic

    # The foil and what reaches it.
    at_foil = {name: c[:1] for name, c in chain.items()}
    exchange = p["i0a"] * exp(-state.film) * sqrt(at_least(at_foil["salt"], 1e-9) / p["c0"])
    faradaic = exchange * (exp(f * state.foil_v) - exp(-f * state.foil_v))
    by_s8, by_mgs8, by_mgs4 = p["ka"] * at_foil["S8"], p["ka"] * at_foil["MgS8"], p["kl"] * at_foil["MgS4"]
    rates = [*np.concatenate([
        (current - faradaic) / p["Ca"],
        -state.film * sqrt(faradaic**2 + 1e-12) / p["Qact"],
        4 * by_mgs4,
        (1 - state.wetted) / p["tauw"],
    ])]

    # Transport.
    left = {"salt": faradaic / (2 * FARADAY_C_PER_MOL), "S8": -by_s8, "MgS8": by_s8 - by_mgs8, "MgS4": 2 * by_mgs8 - by_mgs4}
    diffusivity = {"salt": "Ds", "S8": "D8", "MgS8": "DM8", "MgS4": "DM4"}
    gain, closed = {}, symbols(pybamm.Scalar(0.0))
    for name, c in chain.items():
        flux = -p[diffusivity[name]] * (c[1:] - c[:-1]) / path
        if name == "salt":
            flux = flux + p["tp"] / (2 * FARADAY_C_PER_MOL) * ionic
        flux = np.concatenate([left[name], flux, closed])
        gain[name] = (flux[:-1] - flux[1:]) / width

    # The cathode.
    turn = Conversion(p, state, cathode)
    r1, r2, r3, r4 = turn.steps
    area = p["a0"] * turn.free
    volume = state.cathode
    dissolution = p["k8"] * (p["c8sat"] * odd_saturation(volume["S8_solid"], p["n8s_s"]) - cathode["S8"])
    death = p["kd"] * volume["MgS"]
    source = {"salt": -area * turn.desolvation, "S8": dissolution - area * r1, "MgS8": area * (r1 - r2), "MgS4": area * (2 * r2 - r3)}
    through = np.concatenate([current, within, closed])
    charge = (through[1:] - through[:-1]) / width[-1] + 2 * FARADAY_C_PER_MOL * area * turn.total
    columns = [gain[name][n_separator:] + source[name] for name in DISSOLVED]
    columns += [-dissolution, area * (2 * r3 - r4), 2 * area * r4 - death, death]
    columns += [turn.free * (turn.desolvation - turn.total) / p["Gam"], charge / (p["a0"] * p["Cdl"])]
    rates += list(np.stack([gain[name][:n_separator] for name in DISSOLVED], axis=1).ravel())
    rates += list(np.stack(columns, axis=1).ravel())
    return rates, voltage
