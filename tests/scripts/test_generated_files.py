"""The files that scripts make of tables and docstrings are up to date."""

import shutil

import pytest

from support import ROOT, SCRIPTS

# Each script, the files that it makes, and a text in the part that it makes.
MADE = {
    "make_api_docs.py": {"docs/api.md": "TokenTracker"},
    "make_config_schema.py": {
        "docs/configuration.md": "| `max_prompt_length` |",
        "schemas/tracker-config.schema.json": '"default"',
    },
}


@pytest.mark.parametrize("script", MADE)
def test_a_generated_file_is_up_to_date(runner, script):
    assert runner.run(script, "--check") == ("", "")


@pytest.mark.parametrize(("script", "name"), [(s, n) for s, names in MADE.items() for n in names])
def test_a_stale_file_is_found_and_made_again(runner, script, name, tmp_path):
    checkout = tmp_path / "checkout"
    for path in [SCRIPTS / script, *(ROOT / one for one in MADE[script])]:
        copy = checkout / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    right = (checkout / name).read_text("utf-8")
    assert MADE[script][name] in right
    (checkout / name).write_text(right.replace(MADE[script][name], "stale"))
    output, _ = runner.run(checkout / "scripts" / script, "--check", code=1)
    assert output == f"{name} is stale: run scripts/{script}\n"
    runner.run(checkout / "scripts" / script)
    assert (checkout / name).read_text("utf-8") == right
