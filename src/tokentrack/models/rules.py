"""Custom validation rules, applied to every record that this process creates through the API.

A rule is a function that gets a record and returns its problems: a sentence, several, or nothing.
Records of Kiro's events, and records read back from a ledger, are not checked: a rule must not
cost a row that was accepted. The rules are registered per process.
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
        name: a unique name, shown with each problem the rule reports.
        rule: returns one sentence, several, or nothing ("" or None) for each record.

    Raises:
        ValidationError: the name is taken or empty, or the rule is not callable.
    """
    if not name or not callable(rule):
        raise ValidationError(["a rule needs a name and a function"])
    with _changing:
        if name in _rules:
            raise ValidationError([f"rule {name!r} is already registered; remove it first"])
        _rules[name] = rule
        CHECKS[:] = [rule_issues]


def remove_rule(name: str) -> bool:
    """Stop applying a rule; return whether a rule of that name was registered."""
    with _changing:
        removed = _rules.pop(name, None) is not None
        CHECKS[:] = [rule_issues] if _rules else []
        return removed


def registered_rules() -> tuple[str, ...]:
    """Return the names of the registered rules, in the order in which they are applied."""
    return tuple(_rules)


@contextmanager
def rule_in_force(name: str, rule: Rule) -> Iterator[None]:
    """Apply a rule inside a `with` block only.

    Raises:
        ValidationError: as `register_rule`.
    """
    register_rule(name, rule)
    try:
        yield
    finally:
        remove_rule(name)


def rule_issues(transaction: TokenTransaction, is_valid: bool) -> list[str]:
    """Return the problems that the rules report, each with its rule's name.

    A rule that raises an exception is one problem too, unless the record's fields are invalid.

    Args:
        transaction: the record.
        is_valid: whether all its fields have valid values.
    """
    issues: list[str] = []
    for name, rule in tuple(_rules.items()):
        try:
            found = rule(transaction)
            problems = [found] if isinstance(found, str) else list(found or ())
        except Exception as error:  # noqa: BLE001  (the caller's code may raise anything)
            problems = [f"failed ({type(error).__name__})"] if is_valid else []
        issues += [f"rule {name}: {problem}" for problem in problems if problem]
    return issues
