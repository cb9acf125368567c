"""``python -m steepest.golden --write F.json`` and ``--check F.json [--arrays KIND]``: digests of
results.

The contract of the elementwise steps and the norms is the same bits on every implementation. A run
on the CPU writes a digest of the result of every rule, with every kind of storage, at every stage
of the driver; a run anywhere else must reproduce the file. The inputs come from integer arithmetic
alone, so that they are the same whatever made them.
"""
