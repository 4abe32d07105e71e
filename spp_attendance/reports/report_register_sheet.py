from functools import partial

from odoo import api, models

from . import register_pages


class ReportRegisterSheet(models.AbstractModel):
    _name = "report.spp_attendance.report_register_sheet"
    _description = "Register Sheet"

    @api.model
    def _get_report_values(self, docids, data=None):
        """The sheet of a register by pages, as who prints it sees it.

        :param dict data: see ``register_pages.report_values``, and perhaps
            ``person_ids``, whom alone it is about
        """
        data = data or {}
        paper = partial(self._sheet, only=data.get("person_ids"))
        return register_pages.report_values(self.env, docids, data, "sheets", paper)

    def _sheet(self, register, period, only=None):
        sheet = register.get_sheet(*period)
        days = register_pages.days_of(sheet)
        rows = register_pages.rows_of(sheet, days, self._cell, only)
        for row in rows:
            row["present"] = sum(cell["is_present"] for cell in row["cells"])
        return {
            "register": register,
            "days": days,
            "pages": register_pages.pages(rows),
        }

    @api.model
    def _cell(self, cell, day, spans):
        mark, entry, exit_, _version = cell or (None, None, None, "")
        return {
            "mark": mark,
            "entry": entry,
            "exit": exit_,
            "is_present": bool(mark == "present" or entry or exit_),
            "is_open": register_pages.is_enrolled(day, spans),
        }
