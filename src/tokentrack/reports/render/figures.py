"""Numbers as people read them in a table: one precision per column; unknown is a dash, never 0."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from tokentrack.common.formatting import format_tokens
from tokentrack.reports.credit_texts import UNKNOWN


def count_text(number: int | None) -> str:
    """Return a whole number with thousands separated."""
    return UNKNOWN if number is None else f"{number:,}"


def basis_mark(*, is_estimated: bool, is_unknown: bool) -> str:
    """Return what follows tokens: `e` if any are estimated, `?` if that is not known of any."""
    return "e" * is_estimated + "?" * is_unknown


def tokens_text(number: int | None, mark: str) -> str:
    """Return a count of tokens as `46.2K`, followed by its mark."""
    if number is None:
        return UNKNOWN
    return f"{format_tokens(number)} {mark}" if mark and number else format_tokens(number)


def rate_text(value: float | None, mark: str) -> str:
    """Return tokens per second as `12.5/s`, followed by their mark."""
    if value is None:
        return UNKNOWN
    return f"{value:,.1f}/s {mark}" if mark and value else f"{value:,.1f}/s"


def time_text(seconds: float | None) -> str:
    """Return a duration as `10.4s`, `38m21s` or `12h26m`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}h{minutes % 60:02}m"


def share_text(part: float, whole: float, places: int = 1) -> str:
    """Return a part of a whole in percent: `5.4 %`; a dash where there is no whole."""
    return f"{100 * part / whole:.{places}f} %" if whole else UNKNOWN


def cost_text(amount: str | None, currency: str = "USD") -> str:
    """Return an amount, given as exact decimal text, as `$30.68`, or `EUR 28.23`."""
    if amount is None:
        return UNKNOWN
    exact = Decimal(amount)
    value = abs(exact).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    mark = "$" if currency == "USD" else f"{currency} "
    text = f"{mark}{value:,.2f}" if value or not exact else f"<{mark}0.01"
    return f"-{text}" if exact < 0 else text
