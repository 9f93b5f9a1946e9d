"""What a traffic engineer takes from a run: bins, peak hours, shares, plots."""
