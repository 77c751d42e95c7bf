"""Property 6 of the Python API: the configuration behaves like a dictionary."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.examples import at_most
from support.ledgers import Workspace
from tokentrack import TokenTrackingHook, TrackerConfig
from tokentrack.config.fields import FIELDS

few = settings(max_examples=at_most(25))


@contextmanager
def workspace(**config):
    with tempfile.TemporaryDirectory() as folder:
        yield Workspace(Path(folder), durability="none", **config)


valid = {
    "enabled": st.booleans(),
    "max_prompt_length": st.integers(10, 5000),
    "backup_enabled": st.booleans(),
    "log_level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    "retention_days": st.integers(1, 36500),
    "file_lock_timeout_seconds": st.floats(0, 3600),
    "hook_name": st.text(st.characters(codec=None, exclude_characters="\0"), min_size=1),
    "collectors": st.lists(st.text(max_size=5).filter(lambda name: "\0" not in name), max_size=2),
}
invalid = st.sampled_from([
    {"max_prompt_length": -1}, {"log_level": "LOUD"}, {"enabled": "yes"}, {"nonsense": 1},
    {"retention_days": True}, {"collectors": "a"}, {"csv_file_path": 5}, {"hook_name": ""},
    {"file_lock_timeout_seconds": float("nan")},
])  # fmt: skip
partial = st.fixed_dictionaries({}, optional=valid)


class ConfigurationMachine(RuleBasedStateMachine):
    """Compares a hook with a dictionary."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.space = Workspace(Path(self.folder.name))
        self.file = self.space.kiro / "token_tracker_config.json"
        self.hook = TokenTrackingHook(
            TrackerConfig(), root=self.space.root, environ=self.space.environ
        )
        self.model = TrackerConfig().to_dict()
        self.saved = None

    @rule(values=partial)
    def update(self, values):
        assert self.hook.update_configuration(TrackerConfig(**values))
        self.model = {**TrackerConfig().to_dict(), **values}

    @rule(changes=partial)
    def change_partly(self, changes):
        assert self.hook.apply_configuration_changes(changes)
        self.model = {**self.model, **changes}

    @rule(good=partial, bad=invalid)
    def change_wrongly(self, good, bad):
        assert not self.hook.apply_configuration_changes({**good, **bad})
        assert self.hook.validate_configuration()["refused"]

    @rule(bad=invalid.filter(lambda values: "nonsense" not in values))
    def update_wrongly(self, bad):
        assert not self.hook.update_configuration(TrackerConfig(**bad))

    @rule(value=st.sampled_from([None, 5, "text", {}, []]))
    def update_with_something_else(self, value):
        assert not self.hook.update_configuration(value)

    @rule()
    def enable(self):
        self.hook.enable()
        self.model = {**self.model, "enabled": True, "hook_enabled": True}

    @rule()
    def disable(self):
        self.hook.disable()
        self.model = {**self.model, "hook_enabled": False}

    @rule(by_name=st.booleans())
    def save(self, by_name):
        assert self.hook.save_configuration_to_file(self.file if by_name else None)
        self.saved = self.model

    @precondition(lambda self: self.saved is not None)
    @rule(by_name=st.booleans())
    def reload(self, by_name):
        assert self.hook.reload_configuration_from_file(self.file if by_name else None)
        self.model = self.saved

    @rule(data=st.sampled_from([b"", b"{", b"[]", b"\xff\xfe", b'{"enabled": 5}', b"5",
                                b'{"csv_file_path": ""}', b"[" * 100_000]))  # fmt: skip
    def reload_a_corrupt_file(self, data):
        kept = self.file.read_bytes() if self.file.exists() else None
        self.file.write_bytes(data)
        assert not self.hook.reload_configuration_from_file()
        self.file.unlink()
        if kept is not None:
            self.file.write_bytes(kept)

    @rule()
    def reload_a_missing_file(self):
        assert not self.hook.reload_configuration_from_file(self.file.with_name("none.json"))

    @rule()
    def reset(self):
        assert self.hook.reset_to_default_configuration()
        self.model = TrackerConfig().to_dict()

    @rule()
    def change_what_was_handed_out(self):
        self.hook.get_configuration()["collectors"].append("mine")
        self.hook.get_configuration_schema()["enabled"]["default"] = False

    @rule()
    def record(self):
        before = len(self.space.ids())
        self.hook.on_agent_execution_complete({"agent_execution_id": os.urandom(8).hex()})
        recorded = len(self.space.ids()) - before
        assert recorded == (self.model["enabled"] and self.model["hook_enabled"])

    @invariant()
    def hook_and_model_agree(self):
        if hasattr(self, "hook"):
            assert self.hook.get_configuration() == self.model
            assert self.hook.validate_configuration()["valid"]
            assert self.hook.is_enabled() == (self.model["enabled"] and self.model["hook_enabled"])

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()


def run_machine(machine, *, examples=15, shrink=True):
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=checks,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        ),
    )


def test_property_6_the_configuration_behaves_like_a_dictionary():
    run_machine(ConfigurationMachine)


def test_property_6_control_a_change_by_halves_is_caught():
    class ByHalves(ConfigurationMachine):
        @rule(good=partial.filter(bool), bad=invalid)
        def change_wrongly(self, good, bad):
            self.hook.apply_configuration_changes(good)  # as if field after field were set
            super().hook_and_model_agree()
            self.hook.apply_configuration_changes(bad)

    with pytest.raises(AssertionError):
        run_machine(ByHalves, examples=300, shrink=False)  # the first that fails is the last


@few
@given(partial)
def test_property_6_every_field_comes_from_the_environment(values):
    with workspace() as space:
        plain = {n: v for n, v in values.items() if n not in {"collectors", "hook_name"}}
        environ = {f"KIRO_TOKEN_TRACKER_{name.upper()}": str(v) for name, v in plain.items()}
        hook = TokenTrackingHook(root=space.root, environ={**space.environ, **environ})
        assert plain.items() <= hook.get_configuration().items()


def test_every_field_of_the_configuration_is_in_the_schema_of_the_hook(tmp_path):
    hook = TokenTrackingHook(TrackerConfig(), root=tmp_path, environ={"HOME": str(tmp_path)})
    schema = hook.get_configuration_schema()
    assert set(schema) == set(FIELDS)
    assert (schema["max_prompt_length"]["minimum"], schema["retention_days"]["type"]) == (
        0, "integer",
    )  # fmt: skip
    assert "DEBUG" in schema["log_level"]["enum"]
