"""The reference, made from the docstrings of the installed package while mkdocs builds.

A hook of mkdocs.yml. Static tools would not see most of it: rules and their classes come from the
native table.
"""

from __future__ import annotations

import html
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "steepest": ("steepest",),
    "steps": ("steepest.steps",),
    "optim": ("steepest.optim",),
    "optim_helpers": tuple(
        f"steepest.optim.{name}" for name in ("scales", "schedules", "averages", "filters")
    ),
    "polar": ("steepest.polar",),
    "coefficients": ("steepest.polar.coefficients",),
    "products": ("steepest.polar.products",),
    "norms": ("steepest.norms",),
    "curvature": ("steepest.curvature",),
    "distributed": ("steepest.distributed",),
    "cpu": ("steepest.cpu",),
}
ITEM = re.compile(r"([\w*][\w*, .]*) : (.*)")


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages."""
    from mkdocs.structure.files import File

    made = {f"reference/{name}.md": page(name) for name in MODULES}
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    made["contributing.md"] = contributing.replace("](docs/", "](")
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def page(name: str) -> str:
    """The Markdown of a page of the reference."""
    return "\n\n".join(part for module in MODULES[name] for part in _module(module)) + "\n"


def _module(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"# {name}"
    yield to_html(inspect.getdoc(module) or "")
    common = getattr(module, "_COMMON_DOC", "")
    if common:
        yield "## What all rules share"
        yield to_html(inspect.cleandoc(common))
    for public in module.__all__:
        thing = getattr(module, public)
        if not isinstance(thing, ModuleType) and callable(thing):
            yield from _entry(public, thing, common)


def _entry(name: str, thing: Any, common: str = "") -> Iterator[str]:
    fields = getattr(thing, "_fields", ())  # of a named tuple, which the text tells of
    yield f"## {name}"
    yield _signature(name, thing)
    own = (thing.__doc__ or "").replace(common, "") if common else thing.__doc__
    yield to_html(inspect.cleandoc(own or ""))
    for method, value in vars(thing).items() if isinstance(thing, type) else ():
        function = value.fget if isinstance(value, property) else value
        if method.startswith("_") or method in fields or not getattr(function, "__doc__", None):
            continue
        yield f"### {name}.{method}"
        if not isinstance(value, property):
            yield _signature(method, getattr(thing, method))
        yield to_html(inspect.getdoc(function) or "")


def _signature(name: str, thing: Any) -> str:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # an exception, or a method in C++
        return ""
    # Annotations are for type checkers; the text says more.
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    plain = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return f"```python\n{name}{plain}\n```"


def to_html(text: str) -> str:
    """A docstring: paragraphs, lists of `name : meaning`, and what is aligned as it stands."""
    return "\n".join(_block(block.splitlines()) for block in re.split(r"\n\s*\n", text) if block)


def _block(lines: list[str]) -> str:
    if ITEM.fullmatch(lines[0]):
        return f"<dl>\n{_items(lines)}\n</dl>"
    aligned = any(re.search(r"\S {3,}\S", line) for line in lines)
    if aligned or all(line.startswith(" ") for line in lines):
        return f"<pre>{html.escape(chr(10).join(lines), quote=False)}</pre>"
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _items(lines: list[str]) -> str:
    items: list[list[str]] = []
    for line in lines:
        if found := ITEM.fullmatch(line):
            items.append([found[1], found[2]])
        else:
            items[-1][1] += f" {line.strip()}"
    return "\n".join(f"<dt>{html.escape(n)}</dt><dd>{_inline(m)}</dd>" for n, m in items)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
