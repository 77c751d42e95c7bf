"""scripts/bench_hook.py measures whole hooks, and refuses to measure one that records nothing."""

import json
import sys


def test_the_benchmark_gives_every_ratio(runner):
    output, _ = runner.run("bench_hook.py", "--python", sys.executable, "--rounds", 3, "--json")
    report = json.loads(output)
    assert set(report) == {
        "python", "machine", "package", "launcher_imports_re", "rounds", "results"
    }  # fmt: skip
    assert list(report["results"]) == [
        "bare", "launcher", "start, fsync", "completion, fsync", "start, no fsync",
        "completion, no fsync",
    ]  # fmt: skip
    for result in report["results"].values():
        assert 0 < result["ms"]["q1"] <= result["ms"]["median"] <= result["ms"]["q3"]
    assert report["results"]["bare"]["ratio"]["median"] == 1
    assert runner.left_behind() == []


def test_the_benchmark_prints_a_table(runner):
    output, _ = runner.run("bench_hook.py", "--python", sys.executable, "--rounds", 2)
    assert "the console script" in output
    assert output.count("\n") == 10


def test_the_benchmark_refuses_a_hook_that_records_nothing(tmp_path, runner):
    (tmp_path / "python").symlink_to(sys.executable)
    launcher = tmp_path / "tokentrack"
    launcher.write_text(f"#!{sys.executable}\nfrom tokentrack.__main__ import main\n")
    launcher.chmod(0o755)
    python = tmp_path / "python"
    _, errors = runner.run("bench_hook.py", "--python", python, "--rounds", 2, code=1)
    assert "3 turns became 0 rows in workspace-fsync: run scripts/try to see why" in errors


def test_the_benchmark_says_that_tokentrack_is_missing(tmp_path, runner):
    _, errors = runner.run("bench_hook.py", "--python", tmp_path / "python", code=1)
    assert "is not the console script of tokentrack: install it there" in errors
