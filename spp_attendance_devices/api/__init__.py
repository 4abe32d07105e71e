"""What travels over HTTP: schemas of terminals."""

from .machines import (
    ConfigIn,
    ConfigOut,
    FaultOut,
    MachineIn,
    MachineInfo,
    MachineOut,
    MachinePage,
    MachinePatch,
    MachineQuery,
    MachineTestOut,
    MachineTotals,
    PushOut,
    SystemStatusOut,
)

__all__ = [
    "ConfigIn",
    "ConfigOut",
    "FaultOut",
    "MachineIn",
    "MachineInfo",
    "MachineOut",
    "MachinePage",
    "MachinePatch",
    "MachineQuery",
    "MachineTestOut",
    "MachineTotals",
    "PushOut",
    "SystemStatusOut",
]
