"""What keeps a profile from making things up, taken away or added one at a time: variants of it for an evaluation.

Looking once and no more is the mode `direct`, which an evaluation asks as a baseline; negative instructions in training
give another profile, and are compared with `visagent eval compare`.
"""

from __future__ import annotations

from visagent.core.config import RULES, Profile
from visagent.core.errors import ConfigError
from visagent.models.configs import TransformersModel

WITHOUT_VERIFIER = "no verifying model"
CONTRASTIVE = ("no contrastive decoding", "contrastive decoding")
CONTRASTIVE_ALPHA = 1.0
"""Strength of contrastive decoding: that of the paper (arXiv 2311.16922)."""


def mitigated(profile: Profile) -> tuple[dict[str, Profile], dict[str, str]]:
    """The profiles that differ in one mitigation, by name, and why others cannot be had.

    Args:
        profile: What is measured.
    """
    variants: dict[str, Profile] = {}
    unavailable: dict[str, str] = {}
    if profile.roles.get("verifier", RULES) == RULES:
        unavailable[WITHOUT_VERIFIER] = f"in the profile {profile.name} rules alone verify"
    else:
        variants[WITHOUT_VERIFIER] = profile.model_copy(update={"roles": {**profile.roles, "verifier": RULES}})
    try:
        eyes = profile.model_for("observer")
    except ConfigError:
        eyes = None
    if not isinstance(eyes, TransformersModel):
        unavailable[CONTRASTIVE[1]] = "no model of transformers sees in this profile, and others do not decode so"
        return variants, unavailable
    on = eyes.contrastive_alpha is not None
    other = eyes.model_copy(update={"contrastive_alpha": None if on else CONTRASTIVE_ALPHA})
    seen = profile.roles["observer"]
    # Every role that this model plays decodes alike: one model, one set of weights.
    variants[CONTRASTIVE[0 if on else 1]] = profile.model_copy(update={"models": {**profile.models, seen: other}})
    return variants, unavailable
