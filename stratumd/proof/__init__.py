"""Proof: the recorded past stepped again by the very engine that runs live, and what that shows."""

from stratumd.proof.certify import Certificate, certify
from stratumd.proof.past import Past, ProofError
from stratumd.proof.rebuild import rebuild
from stratumd.proof.validation import Validation, judged

__all__ = ["Certificate", "Past", "ProofError", "Validation", "certify", "judged", "rebuild"]
