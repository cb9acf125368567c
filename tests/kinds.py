"""The kind of arrays that the tests run on, chosen by pytest's option --arrays.

The tests keep their arrays in NumPy. A call goes through the kind, which copies them to where it
has its own, at the same address modulo 16 and between guards, and copies back what was written.
"""

import contextlib
from types import SimpleNamespace

from steepest import steps as _steps
from steepest.golden.kinds import KINDS
from steepest.steps import Plan

_chosen = SimpleNamespace(kind=KINDS["numpy"])


def choose(name):
    """The kind of all calls from now on."""
    _chosen.kind = KINDS[name]


def current():
    return _chosen.kind


def on_host():
    """Whether the CPU kernels run, for which there are targets and threads to go through."""
    return current().name == "numpy"


def thread_counts(*counts):
    """Those worth going through: one where the CPU kernels do not run."""
    return counts if on_host() else counts[:1]


@contextlib.contextmanager
def on_cpu():
    """The CPU kernels, whatever the tests run on: what every kind is compared with."""
    before = current()
    choose("numpy")
    try:
        yield
    finally:
        choose(before.name)


class _Steps:
    """steepest.steps with functions of NumPy arrays that run on the chosen kind."""

    def __getattr__(self, name):
        function = getattr(_steps, name)
        if not callable(function) or isinstance(function, type):
            return function

        def call(*args, **keywords):
            return current().call(function, *args, **keywords)

        return call


steps = _Steps()


class plan:  # noqa: N801 - reads as a function
    """A steepest.steps.Plan on the chosen kind, whose arrays stay where they are from call to call.
    Lists of NumPy arrays, or of None, are what they hold at first; `results` reads them back."""

    def __init__(self, rule, params, **keywords):
        self._kind = current()
        self._arrays = {"params": self._copies(params)}
        lists = {name: v for name, v in keywords.items() if isinstance(v, list)}
        self._arrays |= {name: self._copies(v) for name, v in lists.items()}
        with self._kind.running():
            self._plan = Plan(rule, **{**keywords, **self._arrays})

    def __call__(self, grads, **keywords):
        with self._kind.running():
            return bool(self._plan(self._copies(grads), **keywords))

    def list_sums(self, grads, **keywords):
        with self._kind.running():
            return self._plan.list_sums(self._copies(grads), **keywords)

    def results(self):
        return {
            name: [None if a is None else self._kind.numpy(a) for a in arrays]
            for name, arrays in self._arrays.items()
        }

    def _copies(self, arrays):
        return [None if a is None else self._kind.array(a) for a in arrays]
