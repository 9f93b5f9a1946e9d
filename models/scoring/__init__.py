"""Any detector on single pictures, against true boxes."""
