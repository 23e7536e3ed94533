"""Images and responses: read, simulated, split and distorted."""
