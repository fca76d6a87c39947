"""PyBaMM's IDAKLU on the cell of `cell_pybamm.py`: discharges and a least-squares fit."""

import time

import numpy as np
import pybamm
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from cell_pybamm import VOLTAGE, MgS, absolute_tolerances

FREE = ("kdes", "k3", "k4", "vmax")
VOLTAGE_SD_V = 0.5e-3
N_POINTS = 200
SEED = 7
BOUNDS = (0.1, 10.0)
# Of the fit, as in the fits of the other tools.
FIT_RELATIVE = 1e-6


def duration_s(case):
    return case["segments"][0]["t_max"]


def solver(case, relative, compiled=True, **more):
    absolute = absolute_tolerances(case["Ns"], case["Nc"]) * (relative / 1e-5)
    options = {"compile": compiled, "max_num_steps": 1_000_000}
    return pybamm.IDAKLUSolver(rtol=relative, atol=absolute, options=options, **more)


def discretised(case, free=()):
    model = MgS(case, free=free)
    pybamm.Discretisation().process_model(model)
    return model


def discharge(model, case, relative, compiled=True):
    """A function that solves the discharge; its first call builds and compiles."""
    idaklu = solver(case, relative, compiled)
    return lambda: idaklu.solve(model, t_eval=[0.0, duration_s(case)])


class Reference:
    """A discharge at a tolerance far below those that are compared, and the errors of others against it."""

    def __init__(self, model, case):
        solution = discharge(model, case, 1e-10, compiled=False)()
        self.end_s = solution.t[-1]
        self.voltage_v = CubicSpline(solution.t, solution[VOLTAGE].data)

    def error_mv(self, times, volts):
        """Largest error where the voltage changes by at most 1 mV/s: elsewhere the time is off, not the voltage."""
        times, volts = np.asarray(times), np.asarray(volts)
        within = times <= self.end_s
        times, volts = times[within], volts[within]
        flat = np.abs(self.voltage_v(times, 1)) <= 1e-3
        return 1e3 * np.max(np.abs(volts - self.voltage_v(times))[flat])


def noisy_data(reference):
    """The curve that is fitted: equal times up to the cut-off, with noise."""
    times = np.linspace(0, reference.end_s, N_POINTS + 1)[1:]
    times[-1] *= 1 - 1e-9
    noise = VOLTAGE_SD_V * np.random.default_rng(SEED).standard_normal(N_POINTS)
    return times, reference.voltage_v(times) + noise


class Fit:
    """SciPy's least squares with the sensitivities of IDAKLU; after an early end the voltage stays at the cut-off."""

    def __init__(self, case, data):
        self.case, self.data = case, data
        self.truth = np.array([case["params"][name] for name in FREE])
        self.model = discretised(case, FREE)
        self.solver = solver(case, FIT_RELATIVE, output_variables=[VOLTAGE])
        self.evaluate(np.zeros(len(FREE)))

    def evaluate(self, x):
        """Residuals and their derivatives by ln(value / truth); None if the solution fails."""
        times, measured = self.data
        values = self.truth * np.exp(x)
        try:
            solution = self.solver.solve(
                self.model,
                t_eval=[0.0, duration_s(self.case)],
                t_interp=times,
                inputs=dict(zip(FREE, map(float, values))),
                calculate_sensitivities=True,
            )
        except pybamm.SolverError:
            return None
        voltage = solution[VOLTAGE]
        reached = np.isin(times, solution.t)
        at = np.searchsorted(solution.t, times[reached])
        volts = np.full(len(times), self.case["segments"][0]["v_lo"])
        jacobian = np.zeros((len(times), len(FREE)))
        volts[reached] = np.asarray(voltage.data)[at]
        for i, name in enumerate(FREE):
            jacobian[reached, i] = np.asarray(voltage.sensitivities[name]).ravel()[at] * values[i]
        return (volts - measured) / VOLTAGE_SD_V, jacobian / VOLTAGE_SD_V

    def __call__(self, start):
        known, failures = {}, 0

        def at(x):
            nonlocal failures
            if x.tobytes() not in known:
                found = self.evaluate(x)
                if found is None:
                    # SciPy's least squares knows no failure: a residual far off turns the step down.
                    failures += 1
                    found = (np.full(N_POINTS, 1e3), np.zeros((N_POINTS, len(FREE))))
                known[x.tobytes()] = found
            return known[x.tobytes()]

        begin = time.perf_counter()
        found = least_squares(
            lambda x: at(x)[0],
            np.full(len(FREE), np.log(start)),
            jac=lambda x: at(x)[1],
            bounds=tuple(np.log(BOUNDS)),
        )
        return {
            "seconds": time.perf_counter() - begin,
            "solves": len(known),
            "failures": failures,
            "rms_mv": 1e3 * VOLTAGE_SD_V * np.sqrt(2 * found.cost / N_POINTS),
            "ratio_to_truth": dict(zip(FREE, map(float, np.exp(found.x)))),
        }
