"""What a run writes while it goes: events in SQLite, every track in Arrow, the account of every frame."""
