"""Registries and files that people are imported from, without Odoo.

Nothing here imports Odoo; plain pytest covers it. A :class:`Source` gives pages of
rows, :func:`map_row` makes items of them; all that goes wrong is a
:class:`RegistryError`.
"""

from .dci import DCI_PATHS, DciSource, dci_config
from .errors import BY_CODE, InvalidConfig, RegistryError
from .files import FileSource
from .mapping import FieldMap, RowError, as_text, map_row, parse_values
from .paths import get, paths_of
from .sources import (
    Auth,
    Cursor,
    HttpConfig,
    HttpSource,
    Page,
    Source,
)
from .transport import Limits, Policy, Transport

__all__ = [
    "BY_CODE",
    "DCI_PATHS",
    "Auth",
    "Cursor",
    "DciSource",
    "FieldMap",
    "FileSource",
    "HttpConfig",
    "HttpSource",
    "InvalidConfig",
    "Limits",
    "Page",
    "Policy",
    "RegistryError",
    "RowError",
    "Source",
    "Transport",
    "as_text",
    "dci_config",
    "get",
    "map_row",
    "parse_values",
    "paths_of",
]
