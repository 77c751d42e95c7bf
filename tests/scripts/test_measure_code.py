"""scripts/measure_code.py measures any checkout."""

import pytest

from support import ROOT


@pytest.mark.slow
def test_two_checkouts_are_measured_side_by_side(tmp_path, runner):
    package = tmp_path / "old" / "src" / "tokentrack"
    (package / "store").mkdir(parents=True)
    (package / "errors.py").write_text("def f():\n    pass\n")
    (package / "store" / "lock.py").write_text("from tokentrack.errors import f\n")
    output, _ = runner.run("measure_code.py", tmp_path / "old", ROOT)
    table = {cells[1]: cells[2:-1] for cells in map(split_cells, output.splitlines())}
    assert table["modules"][0] == "2"
    assert table["lines of a function, median / p90 / max"][0] == "2 / 2 / 2"
    assert table["imports between folders"][0] == "1"
    assert table["entries at the root"][0] == "2"
    assert int(table["modules"][1]) > 100
    _, errors = runner.run("measure_code.py", tmp_path, code=1)
    assert f"no Python files in {tmp_path}" in errors


def split_cells(line):
    return [cell.strip() for cell in line.split("|")]
