"""Every launch of a CUDA kernel in the sources is followed by a check that names the kernel."""

import re

import pytest

from .support import source_tree

# What a launch is: the kernel, <<<where>>>, (arguments), and the statement after it.
LAUNCH = re.compile(r"<<<.*?>>>\s*\([^;]*\);\s*(?P<next>[^;]*;)", re.DOTALL)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
CHECK = re.compile(r"(?:cuda::)?check_launch\((?P<what>[^()]+)\);")
# A text, a parameter that every caller gives one for, or the name that a kernel's class has.
NAME = re.compile(r'"[^"]+"|name|\w+::kName')
# Those of the functions that launch what they are given, and the texts that callers pass.
HELPER = re.compile(r"\bvoid (\w+)\([^{;]*\bconst char\* name\)\s*\{(?P<body>[^}]*)\}", re.DOTALL)


def sources():
    files = [
        path
        for path in sorted((source_tree() / "csrc").rglob("*"))
        if path.suffix in (".cu", ".cuh", ".h", ".cpp")
    ]
    return {path.name: COMMENT.sub("", path.read_text("utf-8")) for path in files}


def unnamed(text):
    """The launches in a source that no check follows, or one that does not say what was
    launched."""
    wrong = []
    for launch in LAUNCH.finditer(text):
        check = CHECK.fullmatch(launch["next"].strip())
        name = check and check["what"].split(",")[-1].strip()
        if not name or not NAME.fullmatch(name):
            wrong.append(launch[0])
    return wrong


def test_every_launch_is_checked_by_name():
    texts = sources()
    launches = {name: len(LAUNCH.findall(text)) for name, text in texts.items()}
    assert sum(launches.values()) == sum(text.count("<<<") for text in texts.values()) > 0
    assert {name: found for name, text in texts.items() if (found := unnamed(text))} == {}
    # No other way to launch, which this would not see.
    other = re.compile(r"\b(?:cudaLaunch\w*|cuLaunch\w*|cudaGraphLaunch)\s*\(")
    assert not [name for name, text in texts.items() if other.search(text)]


def test_functions_that_launch_are_called_with_a_text():
    for file, text in sources().items():
        for helper in HELPER.finditer(text):
            if "<<<" not in helper["body"]:
                continue
            call = re.compile(rf"(?<!void )\b{helper[1]}(?:<\w+>)?\(([^;]*)\);", re.DOTALL)
            calls = call.findall(text)
            assert calls, (file, helper[1])
            for arguments in calls:
                assert re.search(r'"[^"]+"$|\w+::kName$', arguments), (file, arguments)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('k<<<1, 2, 0, s>>>(pass);\n    check_launch("k");', 0),
        ("k<<<1, 2, 0,\n  s>>>(\n  pass);\n    cuda::check_launch(R::spec.name, name);", 0),
        ("k<T><<<1, 2>>>(pass);\n    cuda::check_launch(Kernel::kName);", 0),
        ("k<<<1, 2>>>(pass);\n    done();", 1),
        ('k<<<1, 2>>>(pass);\n    check_launch("");', 1),
        ("k<<<1, 2>>>(pass);\n    check_launch(R::spec.name);", 1),
        ('k<<<1, 2>>>(pass);\n    k<<<1, 2>>>(pass);\n    check_launch("k");', 1),
    ],
)
def test_what_counts_as_a_check(code, found):
    assert len(unnamed(code)) == found
