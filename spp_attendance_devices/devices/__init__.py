"""Terminals without Odoo: adapters, codecs and the process that shields us from them.

Nothing here imports Odoo; plain pytest covers it. The table of makes is imported on its
own: a child process that talks to one terminal needs one make's libraries only.
"""

from .adapter import (
    Acknowledged,
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
    UserData,
)
from .errors import DeviceError

__all__ = [
    "Acknowledged",
    "BaseMachineAdapter",
    "Capabilities",
    "DeviceConfig",
    "DeviceError",
    "DeviceInfo",
    "ReadRequest",
    "Reading",
    "ScanData",
    "UserData",
]
