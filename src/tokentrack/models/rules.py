"""Validation rules of a program's own, applied to every record that the program makes.

A rule is a function that gets the record and returns what is wrong with it: a sentence, several,
or nothing. The registry is the process's; the records of Kiro's events and those read back from
a ledger are not asked, since a rule must not cost a row that was accepted.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.errors import ValidationError
from tokentrack.models.transaction import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tokentrack.models.transaction import TokenTransaction

    Rule = Callable[[TokenTransaction], str | Iterable[str] | None]

_rules: dict[str, Rule] = {}
_changing = threading.Lock()


def register_rule(name: str, rule: Rule) -> None:
    """Apply a rule to every record from now on.

    Args:
        name: what the problems are named by; free in the registry.
        rule: returns a sentence, several, or nothing ("" or None) for each record.

    Raises:
        ValidationError: the name is taken or empty, or the rule can't be called.
    """
    if not name or not callable(rule):
        raise ValidationError(["a rule needs a name and a function"])
    with _changing:
        if name in _rules:
            raise ValidationError([f"the rule {name!r} is registered already: remove it first"])
        _rules[name] = rule
        CHECKS[:] = [rule_issues]


def remove_rule(name: str) -> bool:
    """Apply a rule no more; return whether there was one of that name."""
    with _changing:
        removed = _rules.pop(name, None) is not None
        CHECKS[:] = [rule_issues] if _rules else []
        return removed


def registered_rules() -> tuple[str, ...]:
    """Return the names of the rules, in the order in which they are applied."""
    return tuple(_rules)


@contextmanager
def rule_in_force(name: str, rule: Rule) -> Iterator[None]:
    """Apply a rule within a `with` statement.

    Raises:
        ValidationError: as `register_rule`.
    """
    register_rule(name, rule)
    try:
        yield
    finally:
        remove_rule(name)


def rule_issues(transaction: TokenTransaction, sound: bool) -> list[str]:
    """Return what the rules find, each problem with its rule's name.

    Args:
        transaction: the record.
        sound: whether its fields are what they should be; of a record that is not, a rule that
            fails says nothing new.
    """
    issues: list[str] = []
    for name, rule in tuple(_rules.items()):
        try:
            found = rule(transaction)
            problems = [found] if isinstance(found, str) else list(found or ())
        except Exception as error:  # noqa: BLE001  (foreign code; its failure is a problem found)
            problems = [f"failed ({type(error).__name__})"] if sound else []
        issues += [f"rule {name}: {problem}" for problem in problems if problem]
    return issues
