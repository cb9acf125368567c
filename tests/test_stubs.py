"""The type stubs: up to date, complete, and of the signatures that exist at run time."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import steepest
from steepest import _core, _stubgen, optim, steps

PACKAGE = Path(steepest.__file__).parent


def stub(name):
    return ast.parse((PACKAGE / name).read_text("utf-8"))


def definitions(tree):
    """Name -> node of the functions and classes at the top of a stub."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def arguments(function):
    """(name, whether keyword only, whether it has a default), in order."""
    a = function.args
    positional = [*a.posonlyargs, *a.args]
    missing = [None] * (len(positional) - len(a.defaults))
    both = zip(positional, [*missing, *a.defaults], strict=True)
    only = zip(a.kwonlyargs, a.kw_defaults, strict=True)
    shown = [(arg.arg, False, default is not None) for arg, default in both]
    shown += [(arg.arg, True, default is not None) for arg, default in only]
    shown += [(a.kwarg.arg, False, False)] if a.kwarg else []
    return [entry for entry in shown if entry[0] != "self"]


def arguments_at_run_time(thing):
    return [
        (p.name, p.kind is p.KEYWORD_ONLY, p.default is not p.empty)
        for p in inspect.signature(thing).parameters.values()
    ]


def test_the_generated_stubs_are_up_to_date():
    assert _stubgen.outdated() == [], "run python -m steepest._stubgen"
    done = subprocess.run([sys.executable, "-m", "steepest._stubgen", "--check"], timeout=60)
    assert done.returncode == 0


def test_an_outdated_stub_is_noticed_and_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "optim").mkdir()
    monkeypatch.setattr(_stubgen, "__file__", str(tmp_path / "_stubgen.py"))
    assert _stubgen.main(["--check"]) == 1
    assert not list(tmp_path.rglob("*.pyi"))
    assert _stubgen.main([]) == 0
    assert _stubgen.main(["--check"]) == 0
    (tmp_path / "steps.pyi").write_text("x: int\n")
    assert [file.name for file in _stubgen.outdated()] == ["steps.pyi"]
    assert "steps.pyi" in capsys.readouterr().out


@pytest.mark.parametrize("name", [n for n in steps.__all__ if n not in ("DeviceFlag", "Plan")])
def test_steps_are_in_the_stub_with_their_arguments(name):
    node = definitions(stub("steps.pyi"))[name]
    if isinstance(node, ast.FunctionDef):
        assert arguments(node) == arguments_at_run_time(getattr(steps, name))
        assert ast.get_docstring(node)


def class_of_its_file(name):
    """A class that is written out, and only imported by the stub."""
    return definitions(ast.parse(inspect.getsource(inspect.getmodule(getattr(optim, name)))))[name]


@pytest.mark.parametrize("name", [n for n in optim.__all__ if n != "Optimizer"])
def test_optimizers_are_in_the_stub_with_their_options(name):
    node = definitions(stub("optim/__init__.pyi")).get(name) or class_of_its_file(name)
    methods = (part for part in node.body if isinstance(part, ast.FunctionDef))
    init = next(part for part in methods if part.name == "__init__")
    assert arguments(init) == arguments_at_run_time(getattr(optim, name))


def test_the_extension_and_its_stub_have_the_same_names():
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert {name for name in definitions(stub("_core.pyi")) if not name.startswith("_")} == public


def test_the_stub_of_plan_has_its_methods():
    own = {"__init__", "__call__", "__reduce__", "__copy__", "__deepcopy__"}
    node = definitions(stub("_core.pyi"))["Plan"]
    listed = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    assert own <= listed
    assert {name for name in vars(_core.Plan) if not name.startswith("_")} == listed - own


PROGRAM = """
import numpy as np
import steepest

p, g, m, v = (np.zeros(3) for _ in range(4))
applied: bool | steepest.steps.DeviceFlag
applied = steepest.steps.adamw(p, g, m, v, step=1, lr=np.float32(1e-3))
steepest.steps.lion([p], [None], [m], betas=(0.9, 0.99), rounding={"params": "stochastic"})
norm: float = steepest.steps.grad_norm([g]).total
steepest.optim.LAMB([{"params": [p], "lr": 1e-2}, {"params": {"w": g}}], max_param_norm=10.0)
steepest.optim.AdamW({"w": p}, 1e-3).step({"w": g})
steepest.steps.Plan("adamw", p, exp_avg=m, exp_avg_sq=v)(g, step=1)
steepest.steps.adamw(p, g, m, v)  # E: step
steepest.steps.adam(p, g, m, v, step=1, momentum=0.9)  # E: momentum
steepest.steps.adam(0.5, g, m, v, step=1)  # E: float
steepest.optim.CAdamW([p], mask_norm="average")  # E: mask_norm
steepest.optim.Adamw  # E: Adamw
"""


def test_type_checkers_accept_right_calls_and_refuse_wrong_ones(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    if "site-packages" not in PACKAGE.parts:  # an editable installation, which mypy does not find
        monkeypatch.setenv("MYPYPATH", str(PACKAGE.parent))
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    output, errors, _ = api.run([*options, str(program)])
    found = [line for line in output.splitlines() if f"{program.name}:" in line and "error" in line]
    expected = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if "# E: " in line]
    assert [int(line.split(".py:")[1].split(":")[0]) for line in found] == expected, output + errors
    for line, number in zip(found, expected, strict=True):
        assert PROGRAM.splitlines()[number - 1].split("# E: ")[1] in line
