"""From the best variant to a bundle that predicts. Knows nothing of Ray."""
