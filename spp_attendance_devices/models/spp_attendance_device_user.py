from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ..suggestions import card as card_key


class SppAttendanceDeviceUser(models.Model):
    """Which badge on a terminal is whom, where the code is not the identifier.

    From and until certain days, as badges are given back and handed on; without a
    terminal it holds for all terminals of the company that don't say otherwise.
    """

    _name = "spp.attendance.device.user"
    _description = "Badge on a Terminal"
    _order = "device_id, code, valid_from desc, id"
    _rec_name = "code"
    _check_company_auto = True

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        index="btree_not_null",
        ondelete="cascade",
        check_company=True,
        help="Empty: all terminals of the company, but those with an assignment of"
        " their own.",
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
        ondelete="restrict",
    )
    code = fields.Char(
        string="Badge",
        required=True,
        help="The person's number on the terminal, with its leading zeros.",
    )
    card = fields.Char(string="Card Number")
    valid_from = fields.Date(help="First day on which the badge is this person's.")
    valid_to = fields.Date(
        string="Valid Until", help="Last day on which the badge is this person's."
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )

    _order_of_days = models.Constraint(
        "CHECK (valid_to >= valid_from)", "A badge ends on its first day or later."
    )
    # As ranges of numbers, for which PostgreSQL needs no extension; of the code a hash
    # of 63 bits, so that nobody's is in the way of another's.
    _badge_unique = models.Constraint(
        "EXCLUDE USING gist ("
        "int8range(hashtextextended(code, 0) >> 1,"
        " hashtextextended(code, 0) >> 1, '[]') WITH &&,"
        " int4range(COALESCE(device_id, 0), COALESCE(device_id, 0), '[]') WITH &&,"
        " int4range(company_id, company_id, '[]') WITH &&,"
        " daterange(valid_from, valid_to, '[]') WITH &&)",
        "This badge is assigned already on some of these days. Change that assignment,"
        " or end it first.",
    )
    _code_idx = models.Index("(company_id, code)")
    _card_idx = models.Index(
        f"(company_id, ({card_key('card')})) WHERE card IS NOT NULL"
    )

    @api.depends("device_id")
    def _compute_company_id(self):
        for badge in self:
            company = badge.company_id or self.env.company
            badge.company_id = badge.device_id.company_id or company

    @api.model_create_multi
    def create(self, vals_list):
        badges = super().create(vals_list)
        badges._match_scans()
        return badges

    def write(self, vals):
        result = super().write(vals)
        if "device_id" in vals:
            # Rules judge where it was; nobody moves it to where they have no say.
            self.check_access("write")
        matters = not vals.keys() <= {"card"}
        if matters and not self.env.context.get("spp_match_later"):
            self._match_scans()
        return result

    def _reassign(self, people):
        """Give badges to other people, and turn what waits for them into records once.

        :param dict people: id of the person by that of the assignment
        """
        if not self:
            return
        for person_id, numbers in _by_value(people).items():
            badges = self.browse(numbers).with_context(spp_match_later=True)
            badges.write({"subscriber_id": person_id})
        self._match_scans()

    @api.model
    def _assign(self, vals_list):
        """Say whose badges are, whoever's they were.

        From a day on: an assignment that holds on that day ends on the day before, or
        is given to the new person if it begins then. Without a day: the one that holds
        now is given to the new person; after one that has ended a new one follows.

        :param vals_list: values of assignments, of different badges
        :return: the assignments, in order
        :raises UserError: when a badge is somebody's on some of these days, and stays
            so
        """
        people, new, ended = {}, {}, {}
        for index, (same, vals) in enumerate(
            zip(self._of_same_badges(vals_list), vals_list, strict=True)
        ):
            held, vals, last = same._follow(vals)
            if last:
                ended[held.id] = last
            if held and not last:
                people[held.id] = (index, vals["subscriber_id"])
                if vals.get("valid_to"):
                    ended[held.id] = fields.Date.to_date(vals["valid_to"])
            else:
                new[index] = vals
        for last, numbers in _by_value(ended).items():
            badges = self.browse(numbers).with_context(spp_match_later=True)
            badges.write({"valid_to": last})
        # Or they'd be in the way of those who follow.
        self.flush_model()
        self.browse(people)._reassign({key: who for key, (_at, who) in people.items()})
        created = self.create(list(new.values()))
        at = {index: number for number, (index, _who) in people.items()}
        at |= dict(zip(new, created.ids, strict=True))
        return self.browse([at[index] for index in range(len(vals_list))])

    @api.model
    def _of_same_badges(self, vals_list):
        """What the badges of assignments have been so far, each in order of time."""
        known = self.search(
            Domain("code", "in", [vals["code"] for vals in vals_list]),
            order="valid_from NULLS FIRST",
        ).grouped(lambda badge: (badge.company_id.id, badge.device_id.id, badge.code))
        found = []
        for vals in vals_list:
            device = self.device_id.browse(vals.get("device_id"))
            company_id = device.company_id.id or self.env.company.id
            key = (company_id, device.id, vals["code"])
            found.append(known.get(key, self.browse()))
        return found

    def _follow(self, vals):
        """How an assignment fits among those of the same badge, which are ``self`` in
        order of time.

        :return: the one that it takes the place of, if any; its values; and the last
            day of the one before, unless that is given to the new person whole
        :raises UserError: when it doesn't
        """
        held, vals, last = self._place(vals)
        whole = held and not last
        first = held.valid_from if whole else vals.get("valid_from")
        end = vals.get("valid_to") or (whole and held.valid_to)
        first, end = fields.Date.to_date(first), fields.Date.to_date(end)
        if first and end and end < first:
            raise UserError(self.env._("The badge ends before it begins."))
        for other in self - held:
            begins = not end or not other.valid_from or other.valid_from <= end
            if begins and (not first or not other.valid_to or other.valid_to >= first):
                raise UserError(
                    self.env._(
                        "The badge is somebody else's from %(day)s on. End it on the"
                        " day before.",
                        day=format_date(self.env, other.valid_from),
                    )
                    if other.valid_from
                    else self.env._(
                        "The badge is somebody else's until %(day)s. Begin after it.",
                        day=format_date(self.env, other.valid_to),
                    )
                )
        return held, vals, last

    def _place(self, vals):
        """Where an assignment goes, as :meth:`_follow`; it may be in another's way."""
        first = fields.Date.to_date(vals.get("valid_from"))
        today = fields.Date.context_today(self)
        if not first:
            open_ones = self.filtered(lambda b: not b.valid_to or b.valid_to >= today)
            if self and not open_ones:
                first = fields.Date.add(self[-1].valid_to, days=1)
                return self.browse(), {**vals, "valid_from": first}, None
            return open_ones[:1], vals, None
        held = self.filtered(
            lambda b: (
                (not b.valid_from or b.valid_from <= first)
                and (not b.valid_to or b.valid_to >= first)
            )
        )
        if held.valid_from == first:
            return held, vals, None
        later = self.filtered(lambda b: b.valid_from and b.valid_from > first)[:1]
        last = held.valid_to
        if not held and later:
            last = fields.Date.subtract(later.valid_from, days=1)
        vals = {**vals, "valid_to": vals.get("valid_to") or last}
        return held, vals, held and fields.Date.subtract(first, days=1)

    def _match_scans(self):
        """Turn the badges' waiting scans into records, on whatever terminals."""
        if not self:
            return
        self.flush_recordset()
        scans = self.env["spp.attendance.scan"]
        scans.flush_model()
        # Whose a badge is holds at terminals that its officer doesn't see, too.
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.device_id, min(s.user_code), count(DISTINCT s.user_code)
                  FROM spp_attendance_device_user u
                  JOIN spp_attendance_device d
                    ON d.company_id = u.company_id
                   AND (u.device_id IS NULL OR u.device_id = d.id)
                  JOIN spp_attendance_scan s
                    ON s.device_id = d.id AND s.user_code = u.code
                   AND s.state = 'unmatched'
                 WHERE u.id = ANY(%s)
              GROUP BY s.device_id
              ORDER BY s.device_id
                """,
                self.ids,
            )
        )
        for device_id, code, count in rows:
            # Of many at once all that waits on their terminal is looked through.
            scans._match(self.device_id.browse(device_id), code if count == 1 else None)


def _by_value(mapping):
    keys = {}
    for key, value in mapping.items():
        keys.setdefault(value, []).append(key)
    return keys
