from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.spp_attendance import background
from odoo.addons.spp_oauth.tools.retry import run_in_transaction


class SppAttendanceScanQueue(models.Model):
    """Scans that terminals pushed and that are not matched yet.

    A push is answered as soon as its scans are stored. Append-only: each push that
    brought something new adds a row, and whoever matches takes rows away.
    """

    _name = "spp.attendance.scan.queue"
    _description = "Pushed Scans to Match"
    _order = "id"
    _log_access = False

    device_id = fields.Many2one(
        "spp.attendance.device",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    first_id = fields.Integer(
        string="First Scan", required=True, readonly=True, aggregator=None
    )

    @api.model
    def _append(self, device, first_id):
        """Have what a terminal pushed matched once this transaction is committed.

        :param int first_id: the lowest id of its new scans
        """
        self.env.cr.execute(
            SQL(
                "INSERT INTO spp_attendance_scan_queue (device_id, first_id)"
                " VALUES (%s, %s)",
                device.id,
                first_id,
            ),
            log_exceptions=False,
        )
        self.env.cr.postcommit.add(
            partial(background.soon, self.env.cr.dbname, "match", work)
        )

    @api.model
    def _cron_work(self):
        """Match what a process that was killed has left."""
        work(self.env.registry)

    @api.model
    def _work(self):
        """Match what one terminal has pushed.

        The first statement of a fresh transaction, which is run again on a
        serialization failure.

        :return: whether there was anything
        """
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM spp_attendance_scan_queue
                 WHERE device_id = (SELECT device_id FROM spp_attendance_scan_queue
                                  ORDER BY id LIMIT 1)
             RETURNING device_id, first_id
                """
            ),
            log_exceptions=False,
        )
        rows = self.env.cr.fetchall()
        if rows:
            device = self.env["spp.attendance.device"].browse(rows[0][0])
            first_id = min(first_id for _device_id, first_id in rows)
            self.env["spp.attendance.scan"]._match(device, first_id=first_id)
        return bool(rows)


def work(registry):
    """Match what was pushed, a terminal at a time, each in a transaction of its own."""
    while run_in_transaction(
        registry, lambda env: env[SppAttendanceScanQueue._name]._work()
    ):
        pass
