"""ZKTeco terminals over TCP, port 4370 as they leave the factory.

The conversation itself is :mod:`.zk_session`, in a child process under the deadline.
A terminal sends its whole log each time and keeps local wall-clock time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
)
from .errors import DeviceProtocolError
from .host import validate_host
from .isolated import Runner, run_isolated
from .scan_types import from_zkteco

_SESSION = "zk_session"


class ZktecoAdapter(BaseMachineAdapter):
    """Pull over pyzk. ``runner`` is how a conversation is run; tests pass their own."""

    key = "zkteco"
    label = "ZKTeco (TCP)"
    capabilities = Capabilities(secret="comm_key", default_port=4370)

    def __init__(self, config: DeviceConfig, runner: Runner = run_isolated) -> None:
        super().__init__(config)
        self._runner = runner

    def test(self, now: datetime) -> DeviceInfo:
        _lines, end = self._converse("test", "")
        return DeviceInfo(**end["info"])

    def read_scans(self, request: ReadRequest) -> Reading:
        lines, end = self._converse("read", request.known_digest)
        scans = [_scan(*row) for line in lines for row in line["rows"]]
        return Reading(
            info=DeviceInfo(**end["info"]),
            scans=scans,
            complete=end["complete"],
            detail=end["detail"],
            digest=end["digest"],
            unchanged=end["unchanged"],
        )

    def _converse(self, verb: str, known: str) -> tuple[list[Any], dict[str, Any]]:
        config = self.config
        request = {
            "verb": verb,
            "known_digest": known,
            "deadline": config.deadline,
            "config": {
                "host": validate_host(config.host),
                "port": config.port,
                "password": config.password,
                "timeout": config.timeout,
                "tz": config.tz,
                "encoding": config.encoding,
            },
        }
        lines, end = self._runner(_SESSION, request, config.deadline)
        if "info" not in end:
            raise DeviceProtocolError("the answer says nothing of the terminal")
        return lines, end


def _scan(code: str, raw_time: str, punch: int, verify: int) -> ScanData:
    try:
        local_time = datetime.fromisoformat(raw_time)
    except ValueError:
        local_time = None
    raw = {"punch": punch, "verify": verify}
    return ScanData(code, raw_time, local_time, from_zkteco(punch), punch, verify, raw)
