"""Tests of the border between Python and the kernels: arrays, options, errors, threads."""
