"""Import click without two modules that it loads and these commands hardly use.

`inspect` and `uuid` (which loads `platform`) take a quarter of click's own start, and more than a
report takes to answer. While click is imported, stand-ins take their names; each loads the real
module as soon as anything else of it is needed, such as for a page of help.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _cleandoc(text: str) -> str:
    # The help of an option, mostly one line.
    if "\n" in text:
        found: str = import_module("inspect").cleandoc(text)
        return found
    return text.expandtabs().lstrip()


class _UUID:
    # Of this type are the values of `click.UUID`.
    def __new__(cls, *values: Any) -> Any:
        return import_module("uuid").UUID(*values)


def import_click() -> None:
    """Import click, if it is not imported yet."""
    if "click" in sys.modules:
        return
    used = {"inspect": ("cleandoc", _cleandoc), "uuid": ("UUID", _UUID)}
    stand_ins = {}
    for name, (attribute, value) in used.items():
        if name not in sys.modules:
            stand_ins[name] = _StandIn(name)
            setattr(stand_ins[name], attribute, value)
    sys.modules.update(stand_ins)
    try:
        import_module("click")
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
