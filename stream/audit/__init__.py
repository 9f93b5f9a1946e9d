"""The audit of a run: its strips and a picture of each crossing in one page, where a person notes what is wrong."""
