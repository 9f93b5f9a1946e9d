"""Teaching the networks: labels and pictures, what is lost, the loop, and its check-points."""
