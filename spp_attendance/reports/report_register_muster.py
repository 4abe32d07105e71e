from odoo import api, models

from . import register_pages

_SIGNS = ("0", "½", "1")


class ReportRegisterMuster(models.AbstractModel):
    _name = "report.spp_attendance.report_register_muster"
    _description = "Register Muster"

    @api.model
    def _get_report_values(self, docids, data=None):
        """The muster of a register by pages, as who prints it sees it.

        :param dict data: see ``register_pages.report_values``
        """
        return register_pages.report_values(
            self.env, docids, data or {}, "musters", self._muster
        )

    def _muster(self, register, period):
        muster = register.get_muster(*period)
        days = register_pages.days_of(muster)
        rows = register_pages.rows_of(muster, days, self._cell)
        for row in rows:
            [row["halves"]] = row["rest"]
            row["total"] = self._days(row["halves"])
        return {
            "register": register,
            "days": days,
            "rules": muster["rules"],
            "pages": register_pages.pages(rows),
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
            "is_open": register_pages.is_enrolled(day, spans),
        }

    @api.model
    def _days(self, halves):
        """Days as they are written: 4, or 4½."""
        whole, half = divmod(halves, 2)
        return f"{whole or ''}½" if half else str(whole)
