"""Probes and estimates of curvature."""
