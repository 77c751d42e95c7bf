"""Commands load click without what it takes long to load and they do not use."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
sys.argv = ["tokentrack", *{words!r}]
from tokentrack.__main__ import main
try:
    main()
except SystemExit:
    pass
print(sorted({{"inspect", "platform", "uuid"}} & {{*sys.modules}}))
"""
_WHOLE = """
import uuid, inspect
from tokentrack.common.light_click import import_click
import_click()
import click
number = uuid.uuid4()
assert click.UUID.convert(str(number), None, None) == number
assert sys.modules["inspect"] is inspect
"""
_STAND_INS = """
from tokentrack.common.light_click import import_click
import_click()
import click, inspect, uuid
text = "0b0d0c6e-8a2f-4a3e-9a55-1d1b6a9b6c11"
assert click.UUID.convert(text, None, None) == uuid.UUID(text)
assert click.core.inspect.isfunction(import_click) and inspect.signature
assert click.Option(["--a"], help="  one\\n    two").help == "one\\ntwo"
assert click.Option(["--a"], help="  one line").help == "one line"
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys\n{code}"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_command_loads_none_of_it():
    assert run(_LOADED.format(words=["report", "--no-index"])).endswith("[]\n")


def test_a_page_of_help_is_whole():
    shown = run(_LOADED.format(words=["report", "--help"]))
    assert "Show turns, credits and time" in shown
    assert "--since WHEN" in shown


def test_click_works_with_and_without_the_stand_ins():
    run(_WHOLE)
    run(_STAND_INS)
