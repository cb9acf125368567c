"""Tests of the benchmark as a whole."""
