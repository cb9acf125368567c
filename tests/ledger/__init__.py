"""``python -m tests.ledger --write`` and ``--check``: the worst error of every kernel.

Each kernel runs on fixed seeds and is compared with a reference of higher precision. The worst
errors are in errors.json; one that has grown fails. See `record` for the two kinds of entries.
"""

import sys
from pathlib import Path

# What pytest's option pythonpath does for the tests.
_TESTS = str(Path(__file__).resolve().parent.parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
