"""Benchmarks of Steepest's kernels: ``python -m steepest.bench``.

Every row compares one implementation with a ceiling of the machine and, on request, with a rival,
all measured in turns in the same run. Of the steps, whose ceiling is memory's:

* Times are seconds of one call: the median, and the 10th and 90th percentile as its spread.
* Bytes are those that the algorithm must move: every array once per pass that needs it, reads and
  writes counted separately (``--list`` shows the passes of each case). FLOPs count additions,
  multiplications, divisions and square roots alike.
* The ceiling is the best of several streaming loops with the same reads and writes on the same
  buffers. The fraction is the median of the ratios within the rounds, where both run side by side.
* The error is the largest difference from the float64 formula, divided by its bound: twice the
  running error bound of the formula in the compute precision, plus the rounding of the storage.
  It is taken on samples of the arrays that are timed, over one step of the call that is timed.
  A row whose error exceeds 1 gets no ratio and no fraction of the ceiling.

``steepest.bench.polar`` says what the rows of orthogonalisation are, ``steepest.bench.norms`` what
those of spectral norms are.

With ``--device cuda`` the same rows are made on a GPU. Three kinds of times: GPU time of calls that
follow one another; for lists, small tensors and ``functional`` the wall time per call in a loop of
the host; in cases called ``graph`` the GPU time per step of a replayed CUDA graph. There the step
must also give the CPU's bits over the whole arrays: an infinite error tells that it did not. So
must probes, their statistics and the norm report. Products and orthogonalisation have bounds there
as on the CPU, and their peak is the array framework's own large products;
``steepest.bench.polar.device`` says the rest.
"""
