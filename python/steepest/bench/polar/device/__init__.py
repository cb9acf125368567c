"""The benchmark of products and orthogonalisation on a GPU.

Times are GPU time of calls that follow one another. Useful operations, their bound and the ceiling
are the CPU's, but that large products of the array framework alone make the peak. Of a list one
matrix of each shape is checked, if its short side is at most ``CHECKED``: the others' results are
its bits by contract, or would take the host minutes.
"""
