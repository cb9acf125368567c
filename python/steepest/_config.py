"""What was built, what runs, and where the files for other languages lie."""

from __future__ import annotations

from pathlib import Path

from . import _core


def _root() -> Path:
    # Beside the extension, which in an editable install lies apart from the Python files.
    return Path(_core.__file__).resolve().parent


def get_include() -> str:
    """Directory to put on the include path for `#include <steepest/steepest.h>`."""
    return str(_root() / "include")


def get_cmake_dir() -> str:
    """Directory with steepestConfig.cmake, for `find_package(steepest)` through `steepest_DIR`."""
    return str(_root() / "lib" / "cmake" / "steepest")


def show_config() -> None:
    """Print version, compiler, CPU targets (compiled, usable, active), threads and CUDA, with who
    makes large general products there."""
    lines = {
        "version": _core.version(),
        "compiler": _core.compiler(),
        "CPU targets compiled": ", ".join(_core.cpu_targets(compiled_only=True)),
        "CPU targets usable": ", ".join(_core.cpu_targets()),
        "CPU target active": _core.cpu_active(),
        "threads": str(_core.get_num_threads()),
        "CUDA": "built in" if _core.has_cuda() else "not built in",
        "CUDA devices": str(_core.device_count()),
        "CUDA products": _core.device_products() or "none",
        "include": get_include(),
        "CMake package": get_cmake_dir(),
    }
    for name, value in lines.items():
        print(f"{name:>22}: {value}")
