"""The second factor: six digits that change each 30 seconds (RFC 6238), and codes for the day the phone is lost."""

from __future__ import annotations

import hmac
import secrets

import pyotp

from stratumd.plugin import SECOND, Micros
from stratumd.plugin.desk import Reading, Writing
from stratumd_accounts.rows import Recovery, Totp
from stratumd_accounts.sealing import Sealer

STEP: Micros = 30 * SECOND
DRIFT = 1
"""Steps before and after the present one that are right too: clocks differ."""
CODES = 10
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another
_HALF = 6


class SecondFactor:
    """Checks codes. Each is right once: the step of the newest one is kept, a recovery code is deleted."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def begin(self, writing: Writing, account: str, secret: str) -> None:
        """Keep a new secret that nobody has confirmed yet."""
        sealed = self._sealer.seal(secret, _about(account))
        writing.put(Totp(account=account, sealed=sealed, last_step=0, confirmed_at=None))

    def is_on(self, reading: Reading, account: str) -> bool:
        """Say whether the account asks for it."""
        row = reading.get(Totp, account=account)
        return row is not None and row.confirmed_at is not None

    def confirm(self, writing: Writing, account: str, code: str) -> bool:
        """Turn it on where the code is right. Returns whether it was."""
        return self._take(writing, writing.get(Totp, account=account), code, confirmed_at=writing.at)

    def take(self, writing: Writing, account: str, code: str) -> bool:
        """Use up a code of a factor that is on. Returns whether it was right."""
        row = writing.get(Totp, account=account)
        return row is not None and row.confirmed_at is not None and self._take(writing, row, code, row.confirmed_at)

    def _take(self, writing: Writing, row: Totp | None, code: str, confirmed_at: Micros) -> bool:
        secret = self._sealer.open(row.sealed, _about(row.account)) if row is not None else None
        if row is None or secret is None:
            return False
        step = right_step(secret, code, writing.at)
        if step is None or step <= row.last_step:
            return False
        writing.put(Totp(account=row.account, sealed=row.sealed, last_step=step, confirmed_at=confirmed_at))
        return True

    def take_recovery(self, writing: Writing, account: str, code: str) -> bool:
        """Use up a recovery code. Returns whether there was such a one."""
        return writing.drop(Recovery, account=account, hash=self._hash(account, code)) == 1

    def renew_recovery(self, writing: Writing, account: str, codes: list[str]) -> None:
        """Replace all recovery codes."""
        writing.drop(Recovery, account=account)
        writing.put(*[Recovery(account=account, hash=self._hash(account, code)) for code in codes])

    def remove(self, writing: Writing, account: str) -> bool:
        """Turn it off, recovery codes and all. Returns whether there was one."""
        writing.drop(Recovery, account=account)
        return writing.drop(Totp, account=account) == 1

    def _hash(self, account: str, code: str) -> str:
        plain = "".join(code.upper().replace("-", " ").split())
        return self._sealer.sign("recovery", account, plain)


def right_step(secret: str, code: str, at: Micros) -> int | None:
    """Return the step whose code this is; None where it is of none near `at`. Every near one is compared."""
    totp, typed = pyotp.TOTP(secret), "".join(code.split()).encode("utf-8", "surrogatepass")
    present = at // STEP
    near = range(max(0, present - DRIFT), present + DRIFT + 1)
    found = [step for step in near if hmac.compare_digest(totp.generate_otp(step).encode(), typed)]
    return found[-1] if found else None


def new_secret() -> str:
    """Return 160 random bits in base 32."""
    return pyotp.random_base32()


def uri(secret: str, email: str, issuer: str) -> str:
    """Return what a phone reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def new_codes() -> list[str]:
    """Return fresh recovery codes of about 59 bits each."""
    halves = [["".join(secrets.choice(_LETTERS) for _ in range(_HALF)) for _ in range(2)] for _ in range(CODES)]
    return ["-".join(pair) for pair in halves]


def _about(account: str) -> str:
    return f"totp:{account}"
