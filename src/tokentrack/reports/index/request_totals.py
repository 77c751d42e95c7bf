"""The sums by day of an index that has nothing but tracked requests."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from tokentrack.reports.index.day_totals import near, totals_fit
from tokentrack.reports.index.sum_totals import Totals

if TYPE_CHECKING:
    from tokentrack.reports.index.sum_totals import Touched


class RequestTotals(Totals):
    """The only table of totals that questions about requests need."""

    def sum_all(self) -> None:
        """Sum all requests; numbers beyond 64 bits leave no totals."""
        self._database.execute("delete from request_total")
        self._database.execute("delete from meta where key = 'zone'")
        local = self._local_time()
        if local is None:
            return
        try:
            self._sum_requests(local.day, "at is not null")
        except sqlite3.OperationalError as error:
            if "overflow" not in str(error):
                raise
        else:
            self._store(None)

    def sum_touched(self, touched: Touched) -> None:
        """Sum the requests of some days anew."""
        local = self._local_time()
        if local is None or not totals_fit(self._database, self._zone):
            self.sum_all()
            return
        try:
            for day in sorted(touched.days):
                self._database.execute("delete from request_total where day = ?", (day,))
                self._sum_requests(local.day, f"{near(day, day)} and {local.day} = {day}")
        except sqlite3.OperationalError as error:
            if "overflow" not in str(error):
                raise
            self.sum_all()
        else:
            self._store(None)
