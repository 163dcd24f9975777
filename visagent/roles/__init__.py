"""The roles that models (or, in the embedded profile, rules) play: controller, decision-maker, refiner, verifier."""
