"""Benchmarks of the messages of distributed optimizers, and of statistics over workers."""
