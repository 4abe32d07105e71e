from odoo import api, models
from odoo.tools import split_every

from ..engine.hours import to_clock
from ..timesheet import STATUS_KEYS, totals

#: Between the head of a page and its legend.
ROWS_PER_PAGE = 24
_HUNDRED = 100


class ReportTimesheet(models.AbstractModel):
    _name = "report.spp_attendance.report_timesheet"
    _description = "Monthly Timesheet, Printed"

    @api.model
    def _get_report_values(self, docids, data=None):
        """A month of people by pages, as who prints it sees it.

        :param dict data: ``month``, ``filters`` and ``company_ids``; see
            ``spp.attendance.timesheet.action_print``
        """
        data = data or {}
        # The address of the file doesn't say in which companies its reader works.
        ids = self.env.user._get_company_ids()
        companies = [one for one in data.get("company_ids") or () if one in ids]
        model = self.env["spp.attendance.timesheet"]
        if companies:
            model = model.with_context(allowed_company_ids=companies)
        first, last, people, cells = model._page(
            data.get("month"), **model._filters(data.get("filters"))
        )
        labels = dict(
            self.env["spp.attendance.day"]
            ._fields["status"]
            ._description_selection(self.env)
        )
        rows = [
            self._row(number, person, cells[person.id], last.day)
            for number, person in enumerate(people, 1)
        ]
        return {
            "doc_ids": [],
            "doc_model": model._name,
            "docs": model,
            "company": model.env.company,
            "first": first,
            "days": [first.replace(day=day) for day in range(1, last.day + 1)],
            "pages": [list(page) for page in split_every(ROWS_PER_PAGE, rows)] or [[]],
            "legend": sorted(
                {
                    (cell.status, cell.abbreviation, labels[STATUS_KEYS[cell.status]])
                    for own in cells.values()
                    for cell in own
                    if cell.status is not None and cell.abbreviation
                }
            ),
        }

    @api.model
    def _row(self, number, person, cells, days):
        texts = [("", "")] * days
        for cell in cells:
            status = "" if cell.status is None else STATUS_KEYS[cell.status]
            texts[cell.day - 1] = (cell.abbreviation or "", status)
        total = totals(cells)
        return {
            "number": number,
            "person": person,
            "cells": texts,
            "totals": [
                total.present,
                total.late,
                total.absent,
                f"{total.leave / _HUNDRED:g}",
                *(
                    to_clock(minutes) if minutes else ""
                    for minutes in (total.hours, total.overtime, total.extra)
                ),
            ],
        }
