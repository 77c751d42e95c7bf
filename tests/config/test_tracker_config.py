"""The configuration as a value: checked, copied, and saved without losing anything."""

import json

import pytest

from tokentrack.errors import ValidationError
from tokentrack.models import TrackerConfig


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
