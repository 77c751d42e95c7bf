"""scripts/performance_monitor.py measures on a temporary ledger."""

import json

from support.scripts import files_below


def test_a_performance_test_measures_on_a_temporary_ledger(runner, space):
    before = files_below(space.root)
    options = ("--transactions", "20", "--json")
    output, errors = runner.run("performance_monitor.py", *options, cwd=space.root)
    result = json.loads(output)
    assert (result["transactions"], result["failed"]) == (20, 0)
    assert result["transactions_per_second"] > 0
    assert "of 20 recorded" in errors, "progress while it runs"
    assert files_below(space.root) == before


def test_a_performance_test_of_nothing_is_refused(runner):
    runner.run("performance_monitor.py", "--transactions", "0", code=2)
