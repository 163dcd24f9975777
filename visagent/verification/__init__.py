"""Whether a text is true to media: atomic claims, each checked by experts, and the text repaired.

After Woodpecker (arXiv 2310.16045: extract, ask experts, correct), LURE (arXiv 2310.00754: revise what is likely made
up) and FaithScore (arXiv 2311.01477: the part of the atomic facts that is supported).
"""

from visagent.verification.check import Checker, check_text
from visagent.verification.claims import AtomicClaim, CheckedClaim, ClaimKind, Faithfulness

__all__ = ["AtomicClaim", "CheckedClaim", "Checker", "ClaimKind", "Faithfulness", "check_text"]
