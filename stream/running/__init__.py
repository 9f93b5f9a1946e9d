"""A run: the loops of its stages and workers, their supervision, and bringing back what died."""
