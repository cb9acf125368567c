"""The pages: Python blocks run as they stand, tables are up to date, nothing public is left out."""

import contextlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import standin
from kinds import KINDS
from steepest import curvature, norms

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def need(block):
    """What a block asks for beyond NumPy."""
    if "import cupy" in block:
        return "cupy"
    if 'device="cuda"' in block:
        return "torch-cuda"
    return "torch" if "import torch" in block else "numpy"


@contextlib.contextmanager
def given(what):
    """Runs a block with that; CuPy is the stand-in where there is no device."""
    with contextlib.ExitStack() as stack:
        if what == "cupy" and KINDS["cupy"].missing():
            stack.enter_context(KINDS["emulated"].running())
            stack.enter_context(standin.installed())
        yield


def missing(what):
    if what == "torch":
        return None if importlib.util.find_spec("torch") else "torch is not installed"
    return KINDS[what].missing() if what == "torch-cuda" else None


CASES = [(page, what) for page in PAGES for what in sorted({need(b) for b in blocks(page)})]


@pytest.mark.parametrize(("page", "what"), CASES, ids=lambda x: getattr(x, "stem", x))
def test_python_blocks_run(page, what):
    """Those with that need, after those without any."""
    if reason := missing(what):
        pytest.skip(reason)
    namespace = {"__name__": "page"}
    for block in blocks(page):
        if need(block) in ("numpy", what):
            with given(need(block)):
                exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "performance.md"])
def test_every_page_has_an_example(page):
    assert all(compile(block, str(page), "exec") for block in blocks(page)) and blocks(page)


def program(name):
    """A module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_tables_are_up_to_date():
    figures = program("figures")
    for name in figures.PAGES:
        text = (DOCS / name).read_text("utf-8")
        assert figures.page(name) == text, "run python docs/figures.py"


@pytest.mark.parametrize("module", [norms, curvature], ids=lambda m: m.__name__)
def test_the_guarantee_of_every_function_is_stated(module):
    first_cells = re.findall(r"^\| (`.*?) \|", (DOCS / "guarantees.md").read_text("utf-8"), re.M)
    named = set(re.findall(r"`(\w+)", " ".join(first_cells)))
    functions = {n for n in module.__all__ if not isinstance(getattr(module, n), type)}
    assert functions and functions <= named


def test_the_reference_has_everything_public():
    reference = program("reference")
    for name, modules in reference.MODULES.items():
        headings = re.findall(r"^## ([\w]+)$", reference.page(name), re.M)
        for module in map(importlib.import_module, modules):
            things = ((n, getattr(module, n)) for n in module.__all__)
            public = {n for n, x in things if callable(x) and not isinstance(x, ModuleType)}
            assert public <= set(headings)


DOCSTRING = """Of x & y.

    x = 1 < 2

x, y : one,
    or `two`.
z : three.
"""


def test_the_reference_keeps_formulas_and_escapes_them():
    assert program("reference").to_html(DOCSTRING).splitlines() == [
        "<p>Of x &amp; y.</p>",
        "<pre>    x = 1 &lt; 2</pre>",
        "<dl>",
        "<dt>x, y</dt><dd>one, or <code>two</code>.</dd>",
        "<dt>z</dt><dd>three.</dd>",
        "</dl>",
    ]


def test_every_page_is_in_the_navigation():
    listed = re.findall(r": ([\w./]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert {page.name for page in DOCS.glob("*.md")} <= set(listed)
    assert len(listed) == len(set(listed))


def test_links_of_the_readme_and_of_contributing_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (ROOT / link).is_file(), f"{page.name}: {link}"
