"""Records as what people look at."""
