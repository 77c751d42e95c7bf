"""The configuration as a value: checked, copied, and saved without losing anything."""

import ast
import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tokentrack
from tokentrack.config.fields import FIELDS
from tokentrack.errors import ValidationError
from tokentrack.models import TrackerConfig

SOURCE = Path(tokentrack.__file__).parent.parent


def test_an_unknown_key_is_kept_for_the_next_save(tmp_path):
    (tmp_path / "a").write_text('{"hook_name": "h", "of_the_future": {"x": [1]}}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logging.lastResort", None)
        TrackerConfig.load_from_file(tmp_path / "a").save_to_file(tmp_path / "b")
    saved = json.loads((tmp_path / "b").read_bytes())
    assert saved["of_the_future"] == {"x": [1]}
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_configuration_is_an_error_with_its_name(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValidationError, match=r"a\.json"):
        TrackerConfig.load_from_file(tmp_path / "a.json")


def test_a_configuration_survives_its_file(tmp_path):
    config = TrackerConfig(hook_name="é\ud800", collectors=["a"], max_prompt_length=5)
    config.save_to_file(tmp_path / "new" / "c.json")
    assert TrackerConfig.load_from_file(tmp_path / "new" / "c.json") == config


def test_a_name_that_is_no_field_is_refused():
    with pytest.raises(TypeError, match="frobnicate"):
        TrackerConfig(frobnicate=1)


def test_two_configurations_share_no_list():
    TrackerConfig().collectors.append("x")
    assert TrackerConfig().collectors == []


@pytest.mark.parametrize("make", ["default", "for_testing", "for_production"])
def test_the_ready_made_configurations_are_valid(make):
    assert getattr(TrackerConfig, f"create_{make}")().validate() == []


def test_an_attribute_that_is_no_field_is_refused():
    config = TrackerConfig()
    with pytest.raises(AttributeError, match="max_promt_length"):
        config.max_promt_length = 7
    config.max_prompt_length = 7
    config.csv_file_path = ".kiro/mine.csv"
    assert config.to_dict() == {
        **TrackerConfig().to_dict(), "max_prompt_length": 7, "csv_file_path": ".kiro/mine.csv",
    }  # fmt: skip


def test_a_configuration_can_be_pickled_and_copied():
    config = TrackerConfig(max_prompt_length=5, collectors=["a"])
    config.unknown["of_the_future"] = 1
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert other == config
        assert other.collectors is not config.collectors


# A client, and the lines in which a type checker finds a mistake.
CLIENT = """
from pathlib import Path
from tokentrack import TokenTracker, TrackerConfig

good = TrackerConfig(max_prompt_length=5, csv_file_path=Path("x.csv"), user=None, collectors=["a"])
good.max_prompt_length = 6
TokenTracker(good.copy(hook_name="x"))
TrackerConfig(max_promt_length=5)  # wrong
TrackerConfig(max_prompt_length="many")  # wrong
TrackerConfig(collectors="a")  # wrong
good.copy(redact_secrets="yes")  # wrong
good.max_promt_length = 7  # wrong
good.max_prompt_length = "7"  # wrong
"""


@pytest.mark.slow
def test_a_type_checker_finds_misspelt_and_mistyped_fields(tmp_path):
    (tmp_path / "client.py").write_text(CLIENT)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "client.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    lines = CLIENT.splitlines()
    assert found == {n for n, line in enumerate(lines, 1) if line.endswith("# wrong")}, done.stdout


def test_the_types_of_arguments_and_attributes_are_those_of_the_fields():
    tree = ast.parse((SOURCE / "tokentrack/config/tracker_config.py").read_text())
    typed = {
        node.name: {
            each.target.id: ast.unparse(each.annotation)
            for each in node.body
            if isinstance(each, ast.AnnAssign)
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    of_kind = {
        "bool": "bool", "int": "int", "float": "float", "text": "str", "name": "str | None",
        "names": "list[str]", "path": "str | os.PathLike[str]",
    }  # fmt: skip
    expected = {name: of_kind[field.kind] for name, field in FIELDS.items()}
    assert typed["Fields"] == expected
    del expected["csv_file_path"]  # a property
    assert typed["TrackerConfig"] == expected
