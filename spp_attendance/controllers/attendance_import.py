from werkzeug.exceptions import NotFound

from odoo import http
from odoo.http import request


class AttendanceImportController(http.Controller):
    @http.route(
        "/attendance/imports/<int:import_id>/rejected.csv",
        type="http",
        auth="user",
        methods=["GET"],
        readonly=True,
    )
    def rejected(self, import_id):
        """Rows of an import that were rejected, for who may see it."""
        run = request.env["spp.attendance.import"].browse(import_id).exists()
        if not run or not run.has_access("read"):
            # Alike: a number tells nobody whether there is such an import.
            raise NotFound
        return run._rejected_csv()
