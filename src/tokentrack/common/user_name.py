"""Whose rows these are: one rule for hook, API, import and reports."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

# In this order, as Python's `getpass` has it.
_USER_VARIABLES = ("LOGNAME", "USER", "USERNAME")


def user_name(configured: str | None = None, tags: Mapping[str, str] | None = None) -> str:
    """Return the name of the user whose rows these are.

    Args:
        configured: the name that an option or the configuration gives, None if none does; "" leaves
            the name out.
        tags: the row's tags; the tag `user` names the user.
    """
    if configured is not None:
        return configured
    found = (tags or {}).get("user")
    for variable in _USER_VARIABLES:
        found = found or os.environ.get(variable)
    return found or _user_of_system()


def _user_of_system() -> str:
    # Only without any of the variables: the answer may come from the network.
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, AttributeError, KeyError, OSError):
        return ""  # not POSIX, or the user is not in the database
