"""The project's own error tree for terminals; adapters raise nothing else.

    DeviceError
    ├── InternalFault            a fault of this software, not of the terminal
    ├── InvalidConfig            what was configured cannot be right
    ├── UnsupportedDevice        no adapter for this make, or it can't do that
    ├── DeviceForbiddenAddress   the address is in no network of terminals
    ├── DeviceUnreachable        no way to the address
    │   ├── DeviceNameUnknown    the host name does not resolve
    │   └── DeviceDisconnected   the terminal hung up in the middle
    ├── DeviceRefused            the address answers, the port is closed
    ├── DeviceTimeout            no answer in time, or the deadline passed
    ├── DeviceBusy               it answers that it has no time now
    ├── DeviceTlsError           its certificate is not the expected one
    ├── DeviceAuthFailed         wrong communication key, name or password
    │   ├── DeviceLocked         too many wrong attempts: it lets nobody in
    │   └── DevicePermission     the account may not read what is needed
    ├── DeviceProtocolError      the answer is not what the protocol allows
    └── DeviceDataError          the answer is well formed, its content is not usable
        ├── DeviceIncomplete     the counter and the log disagree
        └── DeviceReplaced       another serial number answers at the address

Every class has a ``code`` (stable, stored in the database), a ``hint`` (English;
the model layer holds translations by code) and says whether trying again later
without a person changing something can help (``transient``).
"""

from __future__ import annotations

from typing import ClassVar


class DeviceError(Exception):
    """Base of the tree. ``detail`` is for the log and the technical line on the form;
    it never holds a secret."""

    code: ClassVar[str] = "error"
    hint: ClassVar[str] = "The terminal could not be read. Try again."
    transient: ClassVar[bool] = True

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.hint)
        self.detail = detail


class InternalFault(DeviceError):
    code = "internal"
    hint = (
        "The reading could not be stored because of a fault in the software. "
        "The server log says more; the scans stay on the terminal."
    )


class InvalidConfig(DeviceError):
    code = "invalid_config"
    hint = "The terminal's settings are not valid. Correct them and save."
    transient = False


class UnsupportedDevice(DeviceError):
    code = "unsupported"
    hint = (
        "The terminal can't do that from here, or its make is not supported. Do it at "
        "the terminal itself, or choose another make."
    )
    transient = False


class DeviceForbiddenAddress(DeviceError):
    code = "forbidden"
    hint = (
        "Terminals may not have this address. Choose another one, or have its network "
        "added to the networks of terminals in the settings."
    )
    transient = False


class DeviceUnreachable(DeviceError):
    code = "unreachable"
    hint = (
        "There is no network route to the terminal. Check its power, its cable and "
        "the address."
    )


class DeviceNameUnknown(DeviceUnreachable):
    code = "dns"
    hint = "The host name is not known. Check its spelling, or enter the IP address."


class DeviceDisconnected(DeviceUnreachable):
    code = "disconnected"
    hint = (
        "The terminal closed the connection in the middle. It may be restarting, or "
        "another program is talking to it."
    )


class DeviceRefused(DeviceError):
    code = "refused"
    hint = (
        "The address answers, but the port is closed. Check the port, which the "
        "terminal shows in its network settings (usually 4370 for ZKTeco, 80 or "
        "443 for Hikvision, 443 for BioStar 2)."
    )


class DeviceTimeout(DeviceError):
    code = "timeout"
    hint = (
        "The terminal did not answer in time. Check that it is switched on and not "
        "behind a firewall; for a large log raise the deadline."
    )


class DeviceBusy(DeviceError):
    code = "busy"
    hint = (
        "The terminal is busy with something else. It is tried again soon; another "
        "program may be talking to it."
    )


class DeviceTlsError(DeviceError):
    code = "tls"
    hint = (
        "The terminal's certificate is not the expected one. Check how the "
        "certificate is verified, or accept the new one if it was renewed."
    )
    transient = False


class DeviceAuthFailed(DeviceError):
    code = "auth"
    hint = (
        "The terminal refused the key or the password. Enter it again: for ZKTeco the "
        "key shown under Comm. > PC Connection (not the menu password)."
    )
    transient = False


class DeviceLocked(DeviceAuthFailed):
    code = "locked"
    hint = (
        "The terminal locked the account after wrong attempts. Wait until it is "
        "unlocked (usually 30 minutes), check name and password, then try again here."
    )


class DevicePermission(DeviceAuthFailed):
    code = "permission"
    hint = (
        "The terminal lets the account in, but not read its events. Give it that "
        "right on the terminal."
    )


class DeviceProtocolError(DeviceError):
    code = "protocol"
    hint = (
        "What answers at this address does not speak the expected protocol. Check "
        "make, address and port."
    )


class DeviceDataError(DeviceError):
    code = "data"
    hint = (
        "The terminal sent data that cannot be read. Its firmware may use an unknown "
        "record layout."
    )


class DeviceIncomplete(DeviceDataError):
    code = "incomplete"
    hint = (
        "The number of records that the terminal counts differs from what it sent. "
        "It is read again at the next poll."
    )


class DeviceReplaced(DeviceDataError):
    code = "replaced"
    hint = (
        "A terminal with another serial number answers at this address. Accept the "
        "new serial number if the terminal was replaced."
    )
    transient = False


def _tree(cls: type[DeviceError]) -> list[type[DeviceError]]:
    return [cls, *(leaf for sub in cls.__subclasses__() for leaf in _tree(sub))]


#: Error class by its code, for errors that crossed a process boundary.
BY_CODE: dict[str, type[DeviceError]] = {cls.code: cls for cls in _tree(DeviceError)}


def from_code(code: str, detail: str) -> DeviceError:
    """The error a child process reported. An unknown code is a protocol error."""
    return BY_CODE.get(code, DeviceProtocolError)(detail)
