"""What the papers of a register have in common: whose they are, days and pages."""

from datetime import date, timedelta

from odoo.tools import split_every

#: Between the head of a page and the lines to sign on.
ROWS_PER_PAGE = 20


def report_values(env, docids, data, name, paper):
    """What a report is rendered with, for who may read the registers.

    :param dict data: ``register_id``, ``date_from`` and ``date_to``; without them it is
        this week of each of ``docids``
    :param str name: what the template calls the papers
    :param paper: function from a register and a period to what its template shows
    :raise AccessError: of others
    """
    registers = env["spp.attendance.register"].browse(
        [data["register_id"]] if data.get("register_id") else docids
    )
    registers.check_access("read")
    period = (data.get("date_from"), data.get("date_to"))
    return {
        "doc_ids": registers.ids,
        "doc_model": registers._name,
        "docs": registers,
        name: [paper(register, period) for register in registers],
    }


def days_of(told):
    """The dates that a register told of."""
    first = date.fromisoformat(told["date_from"])
    last = date.fromisoformat(told["date_to"])
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def rows_of(told, days, cell, only=None):
    """The lines of people, as dicts: who they are, their cells in the order of days,
    and what else was told of them as ``rest``.

    :param cell: function from what was told of a day, perhaps None, the day, and the
        spans of enrolment
    :param only: ids of people, of whom alone they are
    """
    told_of = {(person, day): cells for person, day, *cells in told["cells"]}
    shown = [person for person in told["people"] if not only or person[0] in only]
    return [
        {
            "number": number,
            "name": name,
            "identifier": identifier,
            "tag": tag,
            "cells": [
                cell(told_of.get((person, str(day))), day, spans) for day in days
            ],
            "rest": rest,
        }
        for number, (person, name, identifier, tag, spans, *rest) in enumerate(shown, 1)
    ]


def is_enrolled(day, spans):
    """Whether somebody is enrolled; on other days nobody is to write anything."""
    return any(start <= str(day) <= end for start, end in spans)


def pages(rows):
    return [list(page) for page in split_every(ROWS_PER_PAGE, rows)]
