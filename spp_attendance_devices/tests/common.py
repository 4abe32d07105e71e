from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.addons.spp_attendance.tests.common import AttendanceCase

from ..devices import BaseMachineAdapter, Capabilities, DeviceInfo
from ..devices.adapter import Reading, ScanData
from ..devices.scan_types import from_zkteco
from ..devices.table import ADAPTERS

#: Eight in the morning of a day well past, on the terminal.
MORNING = datetime(2026, 9, 1, 8)


def scan(code="T-1", moment=MORNING, punch=0, raw=None):
    """A scan as an adapter gives it; ``moment`` None stands for an impossible day."""
    return ScanData(
        code,
        raw or (str(moment) if moment else "2026-02-31 08:00:00"),
        moment,
        from_zkteco(punch),
        punch,
        1,
        {"punch": punch, "verify": 1},
    )


def scans(count, code="T-1", start=MORNING):
    return [
        scan(code, start + timedelta(minutes=number), number % 2)
        for number in range(count)
    ]


def reading(*rows, **values):
    values = {"info": DeviceInfo(serial="S-1", records=len(rows)), **values}
    return Reading(scans=list(rows), **values)


class FakeAdapter(BaseMachineAdapter):
    """Answers with what the test put there; an exception is raised."""

    key = "fake"
    label = "Fake"
    capabilities = Capabilities(networked=False, secret="comm_key")
    answer = None
    configs = []

    def test(self, now):
        return self._give(DeviceInfo(serial="S-1", model="Fake 1", records=3))

    def read_scans(self, request):
        return self._give(reading())

    def _give(self, default):
        self.configs.append(self.config)
        answer = self.answer or default
        if isinstance(answer, Exception):
            raise answer
        return answer


class DeviceCase(AttendanceCase):
    """One terminal of the fake make at the hall of the first company."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Everybody here works in the first company unless a test says otherwise.
        cls.env = cls.env(
            context={**cls.env.context, "allowed_company_ids": cls.company.ids}
        )
        for name in ("company", "hall", "amina", "joseph", "grace"):
            setattr(cls, name, getattr(cls, name).with_env(cls.env))
        cls.devices = cls.env["spp.attendance.device"]
        cls.make_is(FakeAdapter)
        # A test has one transaction, to be rolled back.
        cls.startClassPatcher(
            patch.object(
                type(cls.env["spp.attendance.connection.mixin"]),
                "_end_transaction",
                lambda self: self.env.invalidate_all(),
            )
        )
        # Those of demo data would be due as well.
        cls.devices.with_context(active_test=False).search([]).enabled = False
        cls.device = cls.new_device()

    @classmethod
    def make_is(cls, adapter):
        """Have another adapter be the fake make, beside those that there are."""
        known = {**ADAPTERS, "fake": adapter}
        cls.startClassPatcher(
            patch.object(type(cls.devices), "_adapters", lambda self: known)
        )

    def setUp(self):
        super().setUp()
        FakeAdapter.answer = None
        FakeAdapter.configs = []

    @classmethod
    def new_device(cls, **values):
        return cls.devices.create(
            {
                "name": "Door",
                "adapter": "fake",
                "company_id": cls.company.id,
                "location_id": cls.hall.id,
                **values,
            }
        )

    def scans_of(self, device=None):
        return self.env["spp.attendance.scan"].search(
            [("device_id", "=", (device or self.device).id)], order="id"
        )

    def store(self, *rows, device=None, **values):
        """Store a reading as a poll that holds the lease does."""
        device = device or self.device
        token = self.lease(device)
        return device._store(token, reading(*rows, **values))

    def lease(self, device=None):
        device = device or self.device
        device.lease_until = False
        return device._claim_for_test().token
