"""The benchmarks run, and compare like with like; what they measure is no test's business."""

import sys
from dataclasses import asdict

import pytest

from benchmarks import report
from benchmarks.__main__ import CONTENDERS, make_task
from benchmarks.race import race


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="sets the affinity of processes")
def test_a_race_goes_on_without_those_that_fail(digits, capfd, tmp_path):
    names = ["tutorial", "package", "package without numba", "products alone (MXNet)"]
    contenders = {name: CONTENDERS[name] for name in names} | {"nobody": "tutorial:nobody"}
    task = make_task(digits, epochs=4, cores=1, train=600, test=200, n_hidden=16, n_layers=1)
    results = [asdict(result) for result in race(contenders, task)]
    assert [result["name"] for result in results] == names
    assert "nobody takes no part: AttributeError" in capfd.readouterr().err
    for result in results:
        assert len(result["seconds"]) == 3  # the first round warms up
        assert result["library"] == "mxnet 1.9.1"
        assert result["peak"] > 2**20
    tutorial, package, without, _ = (result["losses"] for result in results)
    assert len(tutorial) == len(package) == 4
    assert without == package
    for theirs, ours in zip(tutorial, package):
        assert ours == pytest.approx(theirs, rel=0.1)  # another draw of weights and noise
    table = report.race_table(results)
    assert table.count("\n") == 2 + 4
    report.plot({"race": results}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_ratios_are_of_the_rounds():
    median, lower, upper = report.ratios([2, 3, 9, 4, 5], [1, 1, 3, 1, 1])
    assert (lower, median, upper) == (3, 3, 4)


def test_tables_have_a_row_for_each_number():
    table = report.busy_table({"2, 4": {"package": 2.04, "PyTorch fused Adam": 5.0}})
    assert table.splitlines()[2] == "| 2 | 4 | 2.0 | 5.0 |"
    table = report.sweep_table("batch size", {"32": {"package": 2.0, "tutorial": 5.0}})
    assert table.splitlines()[2] == "| 32 | 1.00 | 2.50 |"  # multiples of the package
