"""Words on the command line -> a run's folder."""
