"""Signatures of texts, made and checked by OpenSSH's own `ssh-keygen -Y`: with an Ed25519 key, those of RFC 8032."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from stratumd.errors import StratumError

NAMESPACE = "stratumd-record"
"""What the signature is for: one that the key made for anything else does not hold here."""

_SIGNER = "stratumd"


def sign(text: str, key: Path) -> str:
    """Return the signature of `text` by the private key in the file `key`, or by the agent that has its other half."""
    made = _keygen("sign", "-f", str(key), "-n", NAMESPACE, text=text)
    if made.returncode:
        raise StratumError(f"{key} does not sign: {made.stderr.strip()}")
    return made.stdout


def holds(text: str, signature: str, key: Path) -> bool:
    """Say whether `signature` is that of `text` by the key whose public half the file `key` has."""
    words = key.read_text(errors="replace").split()
    if len(words) < 2 or words[0].startswith("-"):
        raise StratumError(f"{key} has no public key: it begins with ssh-ed25519")
    with TemporaryDirectory() as folder:
        signers, signed = Path(folder) / "signers", Path(folder) / "signature"
        signers.write_text(f"{_SIGNER} {words[0]} {words[1]}\n")
        signed.write_text(signature)
        asked = ("-f", str(signers), "-I", _SIGNER, "-n", NAMESPACE, "-s", str(signed))
        return _keygen("verify", *asked, text=text).returncode == 0


def _keygen(what: str, *arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    # S603, S607: OpenSSH's own program, wherever the system has it, with the files that the caller names.
    try:
        return subprocess.run(  # noqa: S603  # see above
            ["ssh-keygen", "-Y", what, *arguments],  # noqa: S607  # see above
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise StratumError("there is no ssh-keygen here: install OpenSSH, 8.1 or newer") from None
