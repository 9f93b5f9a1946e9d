"""Networks, weights and engines: the only package of roadtally that imports torch."""
