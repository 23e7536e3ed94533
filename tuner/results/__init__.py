"""Records of what was measured; they are read and written here only."""
