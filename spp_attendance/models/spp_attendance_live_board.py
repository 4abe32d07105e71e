from datetime import datetime, time, timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine import localtime
from ..live import event

#: Lines that a board begins with; what arrives pushes the oldest out.
LINES = 50


class SppAttendanceLiveBoard(models.AbstractModel):
    """What a live board begins with; what happens then, it hears from the live feed."""

    _name = "spp.attendance.live.board"
    _description = "Live Board"

    @api.model
    @api.readonly
    def get_board(self, location_id=False, type_id=False):
        """Today's attendance as the user may see it, and what arrived last.

        Today is the company's, whatever the day elsewhere. The number of statements
        depends on neither records, locations nor types.

        :param location_id: only there and in what is part of it
        :param type_id: only of this type
        :return: ``day`` (ISO 8601), ``ends_at`` (UTC, as Odoo writes it: when another
            day begins), ``groups`` (valid records of the day by location, type and
            category), ``last_id`` (of the records that were counted, the highest; a
            higher one is new), ``location_ids`` (those the board is limited to, or
            ``False``), ``domain`` (on the records that were counted), ``events`` (what
            arrived last, as the live feed tells it, the newest first)
        :raises AccessError: for who may read no attendance
        """
        records = self.env["spp.attendance.record"]
        records.check_access("read")
        day = records._now_local().date()
        location_ids = self._location_ids(location_id)
        today = self._shown(location_ids, type_id) & Domain("local_date", "=", day)
        groups = records._read_group(
            today, ["location_id", "type_id", "category"], ["__count", "id:max"]
        )
        return {
            "day": fields.Date.to_string(day),
            "ends_at": fields.Datetime.to_string(
                self._midnight(day + timedelta(days=1))
            ),
            "groups": [
                {
                    "location": self._named(location),
                    "type": self._named(type_),
                    "category": category,
                    "records": count,
                }
                for location, type_, category, count, _last in groups
            ],
            "last_id": max((last for *_, last in groups), default=0),
            "location_ids": location_ids,
            "domain": list(today),
            "events": self._last_events(location_ids, type_id, self._midnight(day)),
        }

    @api.model
    def _location_ids(self, location_id):
        """A location and all that is part of it; ``False`` if none is given."""
        if not location_id:
            return False
        locations = self.env["spp.attendance.location"].with_context(active_test=False)
        return locations.search([("id", "child_of", location_id)]).ids

    @api.model
    def _shown(self, location_ids, type_id):
        """Domain on records of these locations and this type."""
        shown = Domain.TRUE
        if location_ids is not False:
            shown &= Domain("location_id", "in", location_ids)
        if type_id:
            shown &= Domain("type_id", "=", type_id)
        return shown

    @api.model
    def _midnight(self, day):
        """The instant at which a day of the company's begins, naive UTC."""
        return localtime.to_utc(
            datetime.combine(day, time()), self.env.company.attendance_tz
        )

    @api.model
    def _named(self, record):
        return record.id and {"id": record.id, "name": record.display_name}

    @api.model
    def _last_events(self, location_ids, type_id, since):
        """What arrived or was changed last, the newest first, since an instant.

        Without imported history, of which the live feed doesn't tell either.
        """
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        last = records.search(
            self._shown(location_ids, type_id)
            & Domain("write_date", ">=", since)
            & Domain("source", "!=", "import"),
            order="write_date desc, id desc",
            limit=LINES,
        )
        return self._as_events(last)

    @api.model
    def _as_events(self, records):
        return [
            event(item.type, item.data, **item.about)
            for item in records._live_items("")
        ]
