"""Experts for scenes of drawn shapes."""
