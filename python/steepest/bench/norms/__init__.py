"""The benchmark of spectral norms.

* Operations are the useful ones of Gram iteration: n^2 m for the Gram matrix of an n x m matrix,
  n^3 for each squaring that the call made, half of a full product's since results are symmetric.
  A rival's are its own affair.
* The error is width over tolerance for an interval, infinite when it misses the largest singular
  value; for an estimate the distance of its ends from that value in units of the tolerance.
* There is no ceiling: other methods need other operations for the same interval.
"""
