from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api import (
    MachineIn,
    MachineOut,
    MachinePage,
    MachinePatch,
    MachineQuery,
    MachineTestOut,
    SystemStatusOut,
)

_BASE = "/api/attendance/machines"
_ONE = f"{_BASE}/<int:machine_id>"
_READ = {"methods": ["GET"], "scope": "devices:read", "readonly": True}
_MANAGE = {"scope": "devices:manage"}
#: A certificate of an authority and settings of a make, each character escaped.
_MAX_BODY = 512 * 1024


class AttendanceMachineController(http.Controller):
    """Terminals. Each address answers with a slash at its end as well."""

    @api_route(
        _BASE, query=MachineQuery, response=MachinePage, tags=["Machines"], **_READ
    )
    def list_machines(self, query):
        """List machines.

        Those that are archived only with `include_archived`. `updated_since` finds
        those, too, that were only read since.
        """
        return self.env["spp.attendance.device"]._api_list(query)

    @api_route(
        _BASE,
        methods=["POST"],
        body=MachineIn,
        response=MachineOut,
        status=201,
        max_body=_MAX_BODY,
        tags=["Machines"],
        **_MANAGE,
    )
    def create_machine(self, body):
        """Create a machine.

        It is polled from then on, or may send by itself, unless `enabled` is false.
        """
        return self.env["spp.attendance.device"]._api_add(body)

    @api_route(_ONE, response=MachineOut, etag=True, tags=["Machines"], **_READ)
    def read_machine(self, machine_id):
        """Get a machine."""
        return self.env["spp.attendance.device"]._api_get(machine_id)

    @api_route(
        _ONE,
        methods=["PUT"],
        body=MachineIn,
        response=MachineOut,
        max_body=_MAX_BODY,
        tags=["Machines"],
        **_MANAGE,
    )
    def replace_machine(self, machine_id, body):
        """Replace all settings of a machine.

        What is left out is set to its default; but the secret and the push key, which
        nobody can read, stay when they are left out.
        """
        return self.env["spp.attendance.device"]._api_put(machine_id, body)

    @api_route(
        _ONE,
        methods=["PATCH"],
        body=MachinePatch,
        response=MachineOut,
        max_body=_MAX_BODY,
        tags=["Machines"],
        **_MANAGE,
    )
    def change_machine(self, machine_id, body):
        """Change a machine, or archive it.

        What is left out stays as it is, in `config` and `push` too; `null` empties.
        """
        return self.env["spp.attendance.device"]._api_patch(machine_id, body)

    @api_route(
        _ONE,
        methods=["DELETE"],
        status=204,
        responses={200: MachineOut},
        tags=["Machines"],
        **_MANAGE,
    )
    def delete_machine(self, machine_id):
        """Delete a machine, or archive one that has scans.

        Scans are kept with the machine that read them: then it is answered with 200 and
        the machine, which is no longer `active`.
        """
        return self.env["spp.attendance.device"]._api_delete(machine_id)

    @api_route(
        f"{_ONE}/test",
        methods=["POST"],
        response=MachineTestOut,
        # What is told is of this moment, and a test changes nothing but that.
        idempotent=False,
        tags=["Machines"],
        **_MANAGE,
    )
    def test_machine(self, machine_id):
        """Test the connection to a machine.

        Takes up to 20 seconds. A test that fails is a good answer (200), with
        `success` false; `busy` also while the machine is being read. One that sends
        and has no address is answered with 409.
        """
        return self.env["spp.attendance.device"]._api_test(machine_id)

    @api_route(
        "/api/attendance/system-status",
        response=SystemStatusOut,
        tags=["Machines"],
        **_READ,
    )
    def system_status(self):
        """Tell how machines and queues are.

        Machines are those that the caller may see; the checks are of the whole server,
        as `/api/attendance/health` has them, without a status of their own.
        """
        health = self.env["spp.oauth.health"]._api_health()
        return self.env["spp.attendance.device"]._api_system_status(health)
