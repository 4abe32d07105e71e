"""Terminals without Odoo: adapters, codecs and the process that shields us from them.

Nothing here imports Odoo; plain pytest covers it.
"""

from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
)
from .errors import DeviceError
from .table import ADAPTERS, get_adapter

__all__ = [
    "ADAPTERS",
    "BaseMachineAdapter",
    "Capabilities",
    "DeviceConfig",
    "DeviceError",
    "DeviceInfo",
    "ReadRequest",
    "Reading",
    "ScanData",
    "get_adapter",
]
