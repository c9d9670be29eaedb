"""Who may look."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from stratumd.plugin.routes import PUBLIC, Access, Call, Refused

OpenTo = Literal["this-machine", "staff", "everybody"]

_ELSEWHERE = (
    "The dashboard is open to this machine alone: open it there, or come through `ssh -L 8080:127.0.0.1:8080 …`. "
    "`open_to` of the routes `dashboard` lets others in."
)


class Door:
    """Lets in whom the option `open_to` names."""

    def __init__(self, open_to: OpenTo) -> None:
        self._here = open_to == "this-machine"
        self.access = Access(schemes=("staff",)) if open_to == "staff" else PUBLIC
        """What core checks. The page itself is no secret and asks for nothing but that it is seen from here."""

    def admit(self, call: Call) -> None:
        """`Refused` (403) where the caller is not on this machine, or a page of elsewhere asks through its browser.

        A name of somebody else's that leads to 127.0.0.1 is refused (DNS rebinding): with it, any page could read this.
        """
        if self._here and not (_is_loopback(call.client) and _is_own_name(call.headers.get("host", ""))):
            raise Refused(403, _ELSEWHERE)


def _is_loopback(client: str) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_own_name(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.lower() == "localhost" or _is_loopback(name.strip("[]"))
