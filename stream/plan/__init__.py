"""From a configuration to cameras, operating points and workers. Opens nothing."""
