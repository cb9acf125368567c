"""How times grow with sizes and fall with threads: ``python -m steepest.bench --scaling``.

Five calls stand for all: Lion, a rule of one pass; LAMB, one of two; the orthogonalisation of a
float32 matrix by the standard method; the interval of a spectral norm; random signs. What varies:

* elements: powers of 8 from 1 to the most that fits into half of the memory that is free. Matrices
  are as near to square as that; they end at 4096 x 4096, whose results a singular value
  decomposition in double still checks within minutes.
* tensors: 1 to 10,000 of 1024 elements, in one call.
* batch: 1 to 1024 matrices of 64 x 64, in one call.
* threads: 1 to all, on one large array.

Rows are those of the families, with the same checks, ceilings and rivals; ``axis`` and ``at`` in
the JSON file say what varied.
"""
