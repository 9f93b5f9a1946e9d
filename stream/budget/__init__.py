"""Which pictures are looked at, how sharply, and together with which: what holds a budget."""
