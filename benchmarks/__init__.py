"""How fast the package is, beside its rivals, in one run."""
