import logging

from odoo import models

from .. import sheet

_logger = logging.getLogger(__name__)


class IrCron(models.Model):
    _inherit = "ir.cron"

    @classmethod
    def _process_job(cls, cron_cr, job):
        """Leave what looks after a file to the server on which the file is.

        The action stays due, so that its own server takes it when it comes by; one
        that never does makes it late, which the health of the server tells.
        """
        cron_cr.execute(
            "SELECT node FROM spp_attendance_sheet WHERE cron_id = %s", [job["id"]]
        )
        rows = cron_cr.fetchall()
        if rows and rows[0][0] != sheet.node():
            _logger.debug("job %s is for server %s", job["id"], rows[0][0])
            return None
        return super()._process_job(cron_cr, job)
