"""`roadtally tune`: operating points measured on a clip, as a table, a plot and a profile that a run loads."""
