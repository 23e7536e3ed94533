"""Population-based hyper-parameter optimisation of small convolutional networks on Ray."""

__version__ = "0.1.0"
