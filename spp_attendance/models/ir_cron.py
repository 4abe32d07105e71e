import logging
import random
import time

from odoo import api, fields, models

from .. import sheet

_logger = logging.getLogger(__name__)

#: For so many seconds after an action was called, servers hand it on to its own.
_FRESH = 10


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _wake(self, *xml_ids):
        """Have scheduled actions begin, but for those that were called already and have
        not come yet: each call costs a connection."""
        # They are the system's; whoever brings work may have it done.
        crons_sudo = self.sudo().union(*map(self.env.ref, xml_ids))
        calls_sudo = self.env["ir.cron.trigger"].sudo()
        pending_sudo = calls_sudo.search_fetch(
            [
                ("cron_id", "in", crons_sudo.ids),
                ("call_at", "<=", fields.Datetime.now()),
            ],
            ["cron_id"],
        )
        for cron_sudo in crons_sudo - pending_sudo.cron_id:
            cron_sudo._trigger()

    @classmethod
    def _process_job(cls, cron_cr, job):
        """Leave what looks after a file to the server on which the file is.

        The action stays due, so that its own server takes it when it comes by; one
        that never does makes it late, which the health of the server tells.
        """
        cron_cr.execute(
            """
            SELECT s.node,
                   EXISTS (SELECT FROM ir_cron_trigger t
                            WHERE t.cron_id = s.cron_id
                              AND t.call_at > now() AT TIME ZONE 'UTC'
                                  - make_interval(secs => %s))
              FROM spp_attendance_sheet s
             WHERE s.cron_id = %s
            """,
            [_FRESH, job["id"]],
        )
        rows = cron_cr.fetchall()
        if not rows or rows[0][0] == sheet.node():
            return super()._process_job(cron_cr, job)
        [(node, is_fresh)] = rows
        _logger.debug("job %s is for server %s", job["id"], node)
        if is_fresh:
            # A call wakes all servers at the same moment, and its own may have found
            # the action taken, by this one: let go of it, and call once more.
            cron_cr.commit()
            time.sleep(random.uniform(0.1, 1))
            api.Environment(cron_cr, api.SUPERUSER_ID, {})["ir.cron"]._notifydb()
        return None
