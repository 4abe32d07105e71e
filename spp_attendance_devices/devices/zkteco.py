"""ZKTeco terminals over TCP or UDP, port 4370 as they leave the factory.

The conversation is in :mod:`.zk_session`, what is read in :mod:`.zk_log`. A terminal
keeps local wall-clock time and cannot be asked for a time's scans, but its log only
grows: what follows the part that is known is fetched.
"""

from __future__ import annotations

from datetime import datetime

from .adapter import (
    Acknowledged,
    BaseMachineAdapter,
    Capabilities,
    Cursor,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    UserData,
)

# What needs pyzk is imported where it is used: in the child process only.


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
        push="adms",
    )

    def test(self, now: datetime) -> DeviceInfo:
        from . import zk_session

        with zk_session.talking(self.config) as terminal:
            return zk_session.about(terminal, self.config)

    def read_scans(self, request: ReadRequest) -> Reading:
        from . import zk_log

        return zk_log.read(self.config, request)

    def acknowledge(self, cursor: Cursor, now: datetime, clear: bool) -> Acknowledged:
        if not clear:
            return Acknowledged()
        from . import zk_log

        return zk_log.clear(self.config, cursor)

    def read_users(self) -> list[UserData]:
        from . import zk_log

        return zk_log.users(self.config)

    def set_clock(self, now: datetime) -> DeviceInfo:
        from . import zk_session

        return zk_session.set_clock(self.config, now)

    @classmethod
    def probe(cls, config: DeviceConfig) -> str | None:
        from . import zk_session

        return "" if zk_session.speaks(config) else None
