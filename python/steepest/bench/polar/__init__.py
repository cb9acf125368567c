"""The benchmark of orthogonalisation.

* Operations are the useful ones: 2 n^2 m for a product of n x n by n x m, half of a full product's
  for one whose result is symmetric, whatever a library spends on it. Those of a method are counted
  for the products that it makes (``--list`` shows them); what is O(n m) is left out.
* The ceiling is the time in which the fastest large products seen in the same run would make these
  operations, each type of operands at its own rate.
* The error is how far the singular values of the result are from those that the polynomial of the
  coefficients gives, in units of the bound in ``bound.py``.
* Matrices are float32, also where products are of bfloat16. A rival is given the same matrix and
  polynomial, works in the case's type and may leave its result in it.
"""
