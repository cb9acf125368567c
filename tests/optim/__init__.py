"""Tests of the stateful optimizers."""
