"""A cloud on one machine: moto's EC2, and for every instance a box that can be logged in to."""

from tests.cluster.cloud.cloud import Cloud, Instance

__all__ = ["Cloud", "Instance"]
