"""Command-line arguments -> a run's folder."""
