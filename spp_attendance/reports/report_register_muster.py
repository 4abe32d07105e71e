from datetime import date, timedelta

from odoo import api, models
from odoo.tools import split_every

#: Between the head of a page and the lines to sign on.
ROWS_PER_PAGE = 20
_SIGNS = ("0", "½", "1")


class ReportRegisterMuster(models.AbstractModel):
    _name = "report.spp_attendance.report_register_muster"
    _description = "Register Muster"

    @api.model
    def _get_report_values(self, docids, data=None):
        """The muster of a register by pages, as who prints it sees it.

        :param dict data: ``register_id``, ``date_from`` and ``date_to``; without them
            it is this week of each of ``docids``
        """
        data = data or {}
        registers = self.env["spp.attendance.register"].browse(
            [data["register_id"]] if data.get("register_id") else docids
        )
        registers.check_access("read")
        period = (data.get("date_from"), data.get("date_to"))
        return {
            "doc_ids": registers.ids,
            "doc_model": registers._name,
            "docs": registers,
            "musters": [self._muster(register, period) for register in registers],
        }

    def _muster(self, register, period):
        muster = register.get_muster(*period)
        first = date.fromisoformat(muster["date_from"])
        last = date.fromisoformat(muster["date_to"])
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        cells = {(person, day): cell for person, day, *cell in muster["cells"]}
        rows = []
        for person_id, name, identifier, tag, spans, halves in muster["people"]:
            own = [
                self._cell(cells.get((person_id, str(day))), day, spans) for day in days
            ]
            rows.append(
                {
                    "number": len(rows) + 1,
                    "name": name,
                    "identifier": identifier,
                    "tag": tag,
                    "cells": own,
                    "halves": halves,
                    "total": self._days(halves),
                }
            )
        return {
            "register": register,
            "days": days,
            "rules": muster["rules"],
            "pages": [list(page) for page in split_every(ROWS_PER_PAGE, rows)],
            "totals": [
                self._days(sum(row["cells"][index]["halves"] for row in rows))
                for index in range(len(days))
            ],
            "total": self._days(sum(row["halves"] for row in rows)),
        }

    @api.model
    def _cell(self, cell, day, spans):
        halves, entry, exit_, _minutes, _mark = cell or (0, None, None, 0, None)
        return {
            "sign": _SIGNS[halves] if cell else "",
            "halves": halves,
            "times": "-".join((entry or "?", exit_ or "?")) if entry or exit_ else "",
            "is_open": any(start <= str(day) <= end for start, end in spans),
        }

    @api.model
    def _days(self, halves):
        """Days as they are written: 4, or 4½."""
        whole, half = divmod(halves, 2)
        return f"{whole or ''}½" if half else str(whole)
