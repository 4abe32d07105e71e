"""ZKTeco terminals over TCP or UDP, port 4370 as they leave the factory.

The conversation itself is :mod:`.zk_session`. A terminal sends its whole log each time
and keeps local wall-clock time; what came before is known by the digest of the log's
beginning, and only what follows it is decoded.
"""

from __future__ import annotations

from datetime import datetime

from .adapter import BaseMachineAdapter, Capabilities, DeviceInfo, Reading, ReadRequest


class ZktecoAdapter(BaseMachineAdapter):
    """Pull over pyzk, in a child process: the library can spin for ever."""

    key = "zkteco"
    label = "ZKTeco"
    capabilities = Capabilities(
        isolated=True,
        secret="comm_key",
        default_port=4370,
        known_ports=(4370,),
        udp=True,
        users=True,
        clock=True,
        clear=True,
    )

    def test(self, now: datetime) -> DeviceInfo:
        from . import zk_session  # pyzk is needed by the child only

        return zk_session.test(self.config)

    def read_scans(self, request: ReadRequest) -> Reading:
        from . import zk_session

        return zk_session.read(self.config, request)
