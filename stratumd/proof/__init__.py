"""Proof: the recorded past stepped again by the very engine that runs live, and what that shows."""

from stratumd.proof.certify import Certificate, certify
from stratumd.proof.past import Past, ProofError

__all__ = ["Certificate", "Past", "ProofError", "certify"]
