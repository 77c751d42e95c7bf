"""A span of time; `spans` finds it by words, dates and times."""

from __future__ import annotations


class Span:
    """A span of time, open at each end that is None.

    Days are numbers of `calendar`, and both belong to the span. Times are in microseconds since
    the epoch; `until` itself does not belong to it.
    """

    __slots__ = ("first_day", "last_day", "since", "until")

    def __init__(
        self,
        first_day: int | None = None,
        last_day: int | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> None:
        self.first_day = first_day
        self.last_day = last_day
        self.since = since
        self.until = until

    @property
    def edges(self) -> tuple[int | None, int | None, int | None, int | None]:
        """The first and the last day, the first time and the time of its end."""
        return self.first_day, self.last_day, self.since, self.until

    def replace(self, **edges: int | None) -> Span:
        """Return a copy with some edges changed."""
        names = self.__slots__
        return Span(**{**dict(zip(names, self.edges, strict=True)), **edges})
