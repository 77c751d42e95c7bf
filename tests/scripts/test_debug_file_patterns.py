"""scripts/debug_file_patterns.py prints what the guide shows, or where a pattern is lost."""

import pytest

from support import ROOT
from support.scripts import load
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.recorder.metadata import MetadataCollector
from tokentrack.store.paths import workspace_paths
from tokentrack.tracker import TokenTracker

PATTERNS_ARRIVE = """\
Testing file patterns preservation...
Input context: {'trigger_type': 'agentExecutionCompleted', 'hook_name': 'test-hook', \
'file_patterns': ['*.py', '*.md', '*.txt']}

1. Testing MetadataCollector.get_hook_context()...
✓ file_patterns found: ['*.py', '*.md', '*.txt']
✓ file_patterns match input

2. Testing MetadataCollector.collect_execution_metadata()...
✓ file_patterns found in metadata: ['*.py', '*.md', '*.txt']
✓ file_patterns match input in full metadata

3. Testing TokenTracker integration...
✓ file_patterns preserved in transaction

✓ All tests passed!
"""


def test_the_patterns_script_prints_what_the_guide_shows(tmp_path, runner):
    for cwd in (tmp_path, "/", ROOT):
        assert runner.run("debug_file_patterns.py", cwd=cwd) == (PATTERNS_ARRIVE, "")
    assert runner.left_behind() == []


def test_the_patterns_script_prints_utf_8_in_every_locale(runner):
    output, _ = runner.run("debug_file_patterns.py", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert output == PATTERNS_ARRIVE


class ForgetfulContext(MetadataCollector):
    """Loses a pattern between the context and the hook's fields."""

    def get_hook_context(self, context=None):
        fields = super().get_hook_context(context)
        return {**fields, "file_patterns": fields["file_patterns"][:-1]}


class ForgetfulMetadata(MetadataCollector):
    """Loses all patterns when it puts the metadata together."""

    def collect_execution_metadata(self, context=None):
        return {**super().collect_execution_metadata(context), "file_patterns": []}


class ForgetfulTracker(TokenTracker):
    """Hands only the first pattern on to the ledger."""

    def record_transaction(self, prompt_text, tokens_used=0, elapsed_time=0.0, context=None):
        fewer = {**context, "file_patterns": context["file_patterns"][:1]}
        return super().record_transaction(prompt_text, tokens_used, elapsed_time, fewer)


@pytest.mark.parametrize(
    ("collector", "tracker", "level"),
    [
        (ForgetfulContext, TokenTracker, "1. MetadataCollector.get_hook_context()"),
        (ForgetfulMetadata, TokenTracker, "2. MetadataCollector.collect_execution_metadata()"),
        (MetadataCollector, ForgetfulTracker, "3. TokenTracker integration"),
    ],
)
def test_the_patterns_script_names_the_level_that_loses(
    collector, tracker, level, tmp_path, capsys
):
    paths = workspace_paths(str(tmp_path), ".kiro/token_transactions.csv")
    environ = {"HOME": str(tmp_path)}
    script = load("debug_file_patterns")
    code = script.run(
        collector(cwd=str(tmp_path), environ=environ),
        tracker(TrackerConfig(), paths=paths, environ=environ),
    )
    assert code == 1
    assert capsys.readouterr().out.endswith(f"\n✗ Patterns are lost in {level}\n")
