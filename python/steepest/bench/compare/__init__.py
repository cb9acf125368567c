"""What got faster or slower between two recorded runs: ``python -m steepest.bench compare``.

* A row of one run is compared with the row of the other that has the same family, case, call, dtype
  and number of threads. Rows of one run only are listed.
* The speed of a row is its median time before over that after: above 1, it got faster. Its band
  comes from the tenth and ninetieth percentiles of both runs, whose distances from the medians, as
  ratios, are taken as independent and added as squares. Where the band contains 1, the row counts
  as not resolved.
* A machine that is busy slows everything down, the ceilings too. Where both runs have a fraction of
  a ceiling, measured in turns with ours, the change of the fraction is shown beside the speed, and
  its band is that of the times.
* A row is slower for ``--fail-slower PERCENT`` where its time grew by more than so much, resolved,
  and its fraction of the ceiling, if it has one, fell by as much; or where its result, right
  before, is wrong now.
"""
