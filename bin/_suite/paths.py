"""Where things are: the checkout, its state folder, the shared cache."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDONS = ("spp_oauth", "spp_attendance", "spp_attendance_devices")
MODE_PRIVATE = 0o700


def cache_dir() -> Path:
    """Folder for what is shared between checkouts: Odoo and its Python packages."""
    if chosen := os.environ.get("SPP_TOOLCHAIN"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spp-attendance"


def state_dir() -> Path:
    """Folder of this checkout's running product, `.run` unless SPP_STATE says else."""
    return Path(os.environ.get("SPP_STATE") or ROOT / ".run").absolute()


def private_dir(path: Path) -> Path:
    """Make `path` if needed, readable by its owner only, and return it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(MODE_PRIVATE)
    return path
