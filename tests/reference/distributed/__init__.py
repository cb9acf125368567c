"""Methods for many workers, in plain NumPy float64, written from the papers."""
