"""The table of makes: one line an adapter, one file behind it."""

from __future__ import annotations

from .adapter import BaseMachineAdapter
from .biostar import BiostarAdapter
from .errors import UnsupportedDevice
from .hikvision import HikvisionAdapter
from .lines import LinesAdapter
from .simulated import SimulatedAdapter
from .zkteco import ZktecoAdapter

ADAPTERS: dict[str, type[BaseMachineAdapter]] = {
    "zkteco": ZktecoAdapter,
    "biostar": BiostarAdapter,
    "hikvision": HikvisionAdapter,
    "lines": LinesAdapter,
    "simulated": SimulatedAdapter,
}


def get_adapter(key: str) -> type[BaseMachineAdapter]:
    """The adapter class for ``key``.

    :raises UnsupportedDevice: for a key that is not in the table.
    """
    try:
        return ADAPTERS[key]
    except KeyError:
        raise UnsupportedDevice(f"no adapter is called {key!r}") from None
