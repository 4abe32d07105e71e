"""From two people to the one they are, with nothing lost.

Used through ``spp.attendance.subscriber._merge``.
"""

from __future__ import annotations

from collections.abc import Iterator

from odoo import fields
from odoo.exceptions import AccessError, ConcurrencyError, UserError
from odoo.models import BaseModel
from odoo.sql_db import db_connect
from odoo.tools import SQL
from odoo.tools.sql import table_columns

#: What the one who stays takes over from the others where nothing is known of him.
_FILLED = (
    "gender",
    "mobile",
    "department_id",
    "designation",
    "level_of_work",
    "work_from",
    "location_id",
)


class Merge:
    """The people ``sources``, who become ``target``."""

    def __init__(self, target: BaseModel, sources: BaseModel) -> None:
        target.ensure_one()
        self.target = target
        self.sources = sources - target
        self.env = target.env

    def conflicts(self) -> list[tuple[BaseModel, BaseModel]]:
        """Records that are surplus, each with the record that stays.

        Of those that the uniqueness rule takes for the same, the target's stays, else
        the first that was entered.
        """
        records = self.env["spp.attendance.record"]
        records.flush_model()
        people = [self.target.id, *self.sources.ids]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT surplus, stays
                  FROM (SELECT id AS surplus,
                               first_value(id) OVER (
                                   PARTITION BY uniqueness_key
                                   ORDER BY subscriber_id <> %s, id) AS stays
                          FROM spp_attendance_record
                         WHERE subscriber_id = ANY(%s)
                           AND uniqueness_key IS NOT NULL) AS same
                 WHERE surplus <> stays
              ORDER BY surplus
                """,
                self.target.id,
                people,
            )
        )
        return [
            (records.browse(surplus), records.browse(stays)) for surplus, stays in rows
        ]

    def run(self, contacts: bool = True) -> None:
        """Merge.

        :param contacts: whether their contacts are still to become one
        """
        if not self.sources:
            return
        self._check()
        self._lock()
        self._void_conflicts()
        # Nothing of theirs may stay behind, whoever may see it.
        target_sudo, sources_sudo = self.target.sudo(), self.sources.sudo()
        target_sudo._merge_prepare(sources_sudo)
        self._log_moves()
        self._move_references()
        wizard_sudo = self.env["base.partner.merge.automatic.wizard"].sudo()
        wizard_sudo._update_reference_fields_generic(
            target_sudo._name, sources_sudo, target_sudo
        )
        self._fill(target_sudo, sources_sudo)
        partners_sudo = sources_sudo.partner_id
        former = sources_sudo.mapped("person_identifier")
        carried = self._carried(target_sudo, sources_sudo)
        sources_sudo.unlink()
        target_sudo.write(carried)
        # Nobody gives a former identifier by himself, so nobody has the right to.
        aliases_sudo = self.env["spp.attendance.subscriber.alias"].sudo()
        aliases_sudo.create(
            [
                {"subscriber_id": target_sudo.id, "person_identifier": identifier}
                for identifier in former
            ]
        )
        if contacts:
            # One by one: Odoo refuses more than three at once.
            for partner_sudo in partners_sudo:
                wizard_sudo._merge(
                    (target_sudo.partner_id + partner_sudo).ids, target_sudo.partner_id
                )
        self.env.invalidate_all()

    def _check(self) -> None:
        people = self.target + self.sources
        if not self.env.su and not self.env.user.has_group(
            "spp_attendance.spp_attendance_group_manager"
        ):
            raise AccessError(
                self.env._("Only an attendance manager may merge people.")
            )
        people.check_access("write")
        if len(people.company_id) > 1:
            raise UserError(
                self.env._(
                    "%(people)s belong to different companies, and attendance stays"
                    " where it was recorded. They can't be merged.",
                    people=", ".join(people.mapped("display_name")),
                )
            )

    def _lock(self) -> None:
        """Wait for who is recording something for the sources, and keep others out.

        :raises ConcurrencyError: when something has been committed that this
            transaction does not see: it would be lost
        """
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT id FROM spp_attendance_subscriber WHERE id = ANY(%s)"
            " ORDER BY id FOR UPDATE",
            [[self.target.id, *self.sources.ids]],
            log_exceptions=False,
        )
        self.env["spp.attendance.record"]._lock_rules(self.target.company_id.ids)
        # Only another transaction can see what this one does not.
        with db_connect(self.env.cr.dbname).cursor() as cr:
            for table, column, columns in self._references():
                if "id" not in columns:
                    continue
                query = SQL(
                    "SELECT id FROM %s WHERE %s = ANY(%s)",
                    SQL.identifier(table),
                    SQL.identifier(column),
                    self.sources.ids,
                )
                cr.execute(query)
                committed = set(cr.fetchall())
                self.env.cr.execute(query)
                if committed - set(self.env.cr.fetchall()):
                    raise ConcurrencyError(f"rows of {table} came in meanwhile")

    def _void_conflicts(self) -> None:
        # That two are one is said by a manager, whoever marks registers.
        records_sudo = self.env["spp.attendance.record"].sudo()
        records_sudo._write_each(
            {
                records_sudo.browse(surplus.id): {
                    "active": False,
                    "void_reason": self.env._(
                        "The same as record %(stays)s of %(person)s, with whom"
                        " %(merged)s was merged.",
                        stays=stays.id,
                        person=self.target.person_identifier,
                        merged=surplus.subscriber_id.person_identifier,
                    ),
                }
                for surplus, stays in self.conflicts()
            }
        )

    def _log_moves(self) -> None:
        """Keep whose each record was."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_record_change (
                record_id, kind, field, old_value, new_value, company_id,
                create_uid, create_date, write_uid, write_date)
            SELECT r.id, 'corrected', 'subscriber_id', before.name, %(after)s,
                   r.company_id, %(uid)s, %(now)s, %(uid)s, %(now)s
              FROM spp_attendance_record r
              JOIN unnest(%(ids)s::int[], %(names)s::varchar[]) AS before(id, name)
                ON before.id = r.subscriber_id
          ORDER BY r.id
            """,
            {
                "after": self.target.display_name,
                "ids": self.sources.ids,
                "names": self.sources.mapped("display_name"),
                "uid": self.env.uid,
                "now": fields.Datetime.now(),
            },
        )

    def _references(self) -> Iterator[tuple[str, str, list[str]]]:
        """Where people are referred to: table, column, and the other columns."""
        wizard = self.env["base.partner.merge.automatic.wizard"]
        for table, column in wizard._get_fk_on(self.target._table):
            columns = [
                name for name in table_columns(self.env.cr, table) if name != column
            ]
            yield table, column, columns

    def _move_references(self) -> None:
        """Point at the target what pointed at the sources.

        Unlike Odoo's own merge of contacts nothing is deleted where a row can't be
        moved: the merge is refused then.
        """
        self.env.flush_all()
        for table, column, columns in list(self._references()):
            where = SQL("%s = ANY(%s)", SQL.identifier(table, column), self.sources.ids)
            names = {
                "table": SQL.identifier(table),
                "column": SQL.identifier(column),
                "target": self.target.id,
                "where": where,
            }
            if "id" not in columns:  # both ends of a many2many
                other = SQL.identifier(columns[0])
                self.env.cr.execute(
                    SQL(
                        "INSERT INTO %(table)s (%(column)s, %(other)s)"
                        " SELECT DISTINCT %(target)s, %(other)s FROM %(table)s"
                        " WHERE %(where)s ON CONFLICT DO NOTHING",
                        other=other,
                        **names,
                    )
                )
                self.env.cr.execute(
                    SQL("DELETE FROM %(table)s WHERE %(where)s", **names)
                )
                continue
            stamp = SQL("")
            if "write_date" in columns:
                stamp = SQL(
                    ", write_uid = %s, write_date = %s",
                    self.env.uid,
                    fields.Datetime.now(),
                )
            self.env.cr.execute(
                SQL(
                    "UPDATE %(table)s SET %(column)s = %(target)s%(stamp)s"
                    " WHERE %(where)s",
                    stamp=stamp,
                    **names,
                )
            )
        self.env.invalidate_all()

    @staticmethod
    def _carried(target: BaseModel, sources: BaseModel) -> dict[str, str]:
        """A badge and a PIN, if the target has none: they can be had only once."""
        values = {}
        for name in ("badge", "pin_hash"):
            known = [source[name] for source in sources if source[name]]
            if known and not target[name]:
                values[name] = known[0]
        return values

    @staticmethod
    def _fill(target: BaseModel, sources: BaseModel) -> None:
        values = {}
        for name in _FILLED:
            known = [source[name] for source in sources if source[name]]
            if known and not target[name]:
                values[name] = target._fields[name].convert_to_write(known[0], target)
        if values:
            target.write(values)
