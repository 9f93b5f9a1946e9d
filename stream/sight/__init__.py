"""Whether what a camera shows can be counted on: frozen, lost, or turned away from where its lines were drawn."""
