from datetime import date, timedelta

from odoo import api, models
from odoo.tools import split_every

#: Between the head of a page and the lines to sign on.
ROWS_PER_PAGE = 20


class ReportRegisterSheet(models.AbstractModel):
    _name = "report.spp_attendance.report_register_sheet"
    _description = "Register Sheet"

    @api.model
    def _get_report_values(self, docids, data=None):
        """The sheet of a register by pages, as who prints it sees it.

        :param dict data: ``register_id``, ``date_from``, ``date_to`` and perhaps
            ``person_ids``; without them it is this week of each of ``docids``
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
            "sheets": [
                self._sheet(register, period, data.get("person_ids"))
                for register in registers
            ],
        }

    def _sheet(self, register, period, person_ids):
        sheet = register.get_sheet(*period)
        first = date.fromisoformat(sheet["date_from"])
        last = date.fromisoformat(sheet["date_to"])
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        cells = {(person_id, day): cell for person_id, day, *cell in sheet["cells"]}
        rows = []
        for person_id, name, identifier, tag, spans in sheet["people"]:
            if person_ids and person_id not in person_ids:
                continue
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
                    "present": sum(cell["is_present"] for cell in own),
                }
            )
        return {
            "register": register,
            "days": days,
            "pages": [list(page) for page in split_every(ROWS_PER_PAGE, rows)],
        }

    @api.model
    def _cell(self, cell, day, spans):
        mark, entry, exit_, _version = cell or (None, None, None, "")
        return {
            "mark": mark,
            "entry": entry,
            "exit": exit_,
            "is_present": bool(mark == "present" or entry or exit_),
            # On other days nobody is to write anything.
            "is_open": any(start <= str(day) <= end for start, end in spans),
        }
