"""The list of cases that the C++ microbenchmarks read."""

import pytest
from install.support import source_tree
from steepest import _core
from steepest.bench import case_list


def parsed(text):
    for line in text.splitlines():
        family, name, fields = line.split("|")
        yield family, name, dict(pair.split("=") for pair in fields.split())


@pytest.mark.parametrize(("quick", "file"), [(False, "full.txt"), (True, "quick.txt")])
def test_the_files_are_up_to_date(quick, file):
    pytest.importorskip("ml_dtypes")  # without it there are no products of bfloat16
    assert (source_tree() / "bench" / "cases" / file).read_text() == case_list.text(quick=quick), (
        f"run python -m steepest.bench.case_list {'--quick ' * quick}-o bench/cases/{file}"
    )


def test_every_rule_and_family_is_in_it():
    found = list(parsed(case_list.text(quick=False)))
    assert len({(family, name) for family, name, _ in found}) == len(found)
    rules = {fields["rule"] for family, _, fields in found if family == "steps"}
    assert rules == {rule["name"] for rule in _core.rules() if rule["public"]}
    assert {family for family, _, _ in found} == {
        "steps", "products", "orthogonalize", "probes", "report",
    }  # fmt: skip


def test_keywords_are_the_rules_own():
    known = {rule["name"]: rule for rule in _core.rules()}
    counted = {"rule", "count", "shape", "states", "bytes", "flops"}
    for family, name, fields in parsed(case_list.text(quick=True)):
        if family == "steps":
            rule = known[fields["rule"]]
            hypers = {h["name"] for h in rule["hypers"]} | {"lr", "weight_decay"}
            assert set(fields) - counted <= hypers, name
            states = {s["name"] for s in rule["streams"]}
            assert set(filter(None, fields["states"].split(","))) <= states, name


def test_written_to_a_file(tmp_path, capsys):
    case_list.main(["--quick", "-o", str(tmp_path / "cases.txt")])
    case_list.main(["--quick"])
    assert (tmp_path / "cases.txt").read_text() == capsys.readouterr().out
