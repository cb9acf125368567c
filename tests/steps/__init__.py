"""Fused optimizer steps: numerics."""
