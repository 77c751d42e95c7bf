"""scripts/health_check.py reports each part, and leaves the workspace as it was."""

import json

import pytest

from support.scripts import files_below


def test_a_health_check_reports_each_part_and_writes_nothing(runner, space):
    before = files_below(space.root)
    output, _ = runner.run("health_check.py", cwd=space.root)
    for name in ("hook_files", "csv_file", "configuration", "core_functionality",
                 "hook_functionality"):  # fmt: skip
        assert f" {name}: " in output
    assert "Overall Status: WARN" in output, "no hook is installed"
    assert files_below(space.root) == before


@pytest.mark.parametrize(
    ("damage", "status", "named"),
    [("ledger", "WARN", "line 3"), ("configuration", "WARN", "max_prompt_length")],
)
def test_a_health_check_finds_what_is_wrong(runner, space, damage, status, named):
    if damage == "ledger":
        with open(space.ledger, "ab") as file:
            file.write(b"junk\n")
    else:
        (space.kiro / "token_tracker_config.json").write_text('{"max_prompt_length": -5}')
    output, _ = runner.run("health_check.py", "--json", cwd=space.root)
    checks = json.loads(output)["checks"]
    name = "csv_file" if damage == "ledger" else "configuration"
    assert checks[name]["status"] == status
    assert named in checks[name]["message"]


def test_a_health_check_fails_where_nothing_can_be_written(runner, space, tmp_path):
    runner.run("health_check.py", cwd=space.root, code=1, TMPDIR=str(tmp_path / "missing"),
               KIRO_TOKEN_TRACKER_CSV_FILE_PATH=str(space.kiro))  # fmt: skip
