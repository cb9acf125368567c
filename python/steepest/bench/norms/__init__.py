"""The benchmark of spectral norms, of matrices and of convolutions, and of other norms.

* Operations are the useful ones of large terms: n^2 m for the Gram matrix of an n x m matrix, half
  of a full product's since the result is symmetric; n^3 for each squaring that the call made, or
  n^3/3 for the factorisation that proves a bound where it made none. For convolutions
  the Gram matrices of the complex blocks of half of the frequencies. A rival's are its own affair.
* The error is width over tolerance for an interval, infinite when it misses the largest singular
  value; for an estimate the distance of its ends from that value in units of the tolerance.
* There is no ceiling: other methods need other operations for the same interval.
* The norm report reads its matrices once. Its ceiling is the fastest streaming loop over them, its
  error the largest distance from NumPy in float64 in units of both sums' rounding errors.
* The eigenvector of a stream takes in a block of samples, the matrix nuclear norm a matrix of them,
  in NumPy: the ceiling is one read of the samples, the error the distance from the formula in
  extended precision in units of what rounding may do.
"""
