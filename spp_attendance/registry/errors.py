"""The project's own error tree for registries and files; nothing else is raised here.

    RegistryError
    ├── InvalidConfig       what was configured cannot be right
    ├── ForbiddenAddress    not on the list of allowed hosts, or inside our network
    ├── Unreachable         no connection, or it ended in the middle
    ├── Untrusted           its certificate is not valid
    ├── RegistryTimeout     no complete answer in time
    ├── Refused             401 or 403: the credentials are not accepted
    ├── ServerError         5xx or 429: it can't answer now
    ├── Rejected            it answered that it does not do what was asked
    ├── BadAnswer           the answer is not what was configured
    ├── TooBig              more than the limits allow
    └── BadFile             the file can't be read as a table

Every class has a ``code`` (stable, stored in the database), a ``hint`` (English; the
model layer holds translations by code) and says whether trying again later without a
person changing something can help (``transient``).
"""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """Base of the tree. ``detail`` is for the log and the technical line on the form;
    it never holds a secret, nor more of an address than its origin, and whatever a
    registry has put into it, it is one line that can be stored."""

    code: ClassVar[str] = "error"
    hint: ClassVar[str] = "The registry could not be read. Try again."
    transient: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        # A registry's own words may be in it.
        detail = "".join(c if c.isprintable() else " " for c in detail[:1000]).strip()
        super().__init__(detail or self.hint)
        self.detail = detail


class InvalidConfig(RegistryError):
    code = "invalid_config"
    hint = "The settings of this source are not valid. Correct them and save."


class ForbiddenAddress(RegistryError):
    code = "forbidden_address"
    hint = (
        "This address is not allowed. An administrator can allow it in the settings, "
        "under the hosts that imports may ask."
    )


class Unreachable(RegistryError):
    code = "unreachable"
    hint = "The registry can't be reached. Check the address and whether it is running."
    transient = True


class Untrusted(RegistryError):
    code = "untrusted"
    hint = (
        "The registry's certificate is not valid. Ask its operator to renew it, or "
        "have your server trust the authority that issued it."
    )


class RegistryTimeout(RegistryError):
    code = "timeout"
    hint = "The registry did not answer in time. Ask for fewer people at a time."
    transient = True


class Refused(RegistryError):
    """:ivar status: 401 or 403"""

    code = "refused"
    hint = "The registry refused the credentials. Check user name and secret."

    def __init__(self, detail: str = "", status: int = 401) -> None:
        super().__init__(detail)
        self.status = status


class ServerError(RegistryError):
    """:ivar retry_after: seconds to wait as the registry asks; None: it didn't say"""

    code = "server_error"
    hint = "The registry has a fault or is busy. Try again later."
    transient = True

    def __init__(self, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Rejected(RegistryError):
    code = "rejected"
    hint = "The registry rejected the request. Check the body of the request."


class BadAnswer(RegistryError):
    code = "bad_answer"
    hint = (
        "The registry's answer is not what was expected. Check the address and the "
        "path of the rows."
    )


class TooBig(RegistryError):
    code = "too_big"
    hint = "The answer or the file is too big. Ask for fewer people at a time."


class BadFile(RegistryError):
    code = "bad_file"
    hint = "The file can't be read. Save it as CSV (UTF-8) or XLSX and try again."


#: Error class by its code.
BY_CODE: dict[str, type[RegistryError]] = {
    cls.code: cls for cls in (RegistryError, *RegistryError.__subclasses__())
}
