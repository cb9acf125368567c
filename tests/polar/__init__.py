"""Newton–Schulz and its matrix products."""
