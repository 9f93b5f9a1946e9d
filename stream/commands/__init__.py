"""The commands, by what they are about. Each imports what it needs inside, so that --help is quick."""
