"""The pages in docs/: their Python blocks run as they stand, their tables are up to date."""

import importlib.util
import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": "page"})


def test_generated_tables_are_up_to_date() -> None:
    path = Path(__file__).parents[1] / "docs" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", path)
    assert spec is not None and spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    for name in figures.PAGES:
        text = (path.parent / name).read_text("utf-8")
        assert figures.page(name) == text, "run python docs/figures.py"
