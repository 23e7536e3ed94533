"""Which cluster a command means."""

import argparse
import shlex


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """The options that name a cluster."""
    parser.add_argument("--cluster", default="cluster.yaml", metavar="FILE", help="what ray up was given")
    parser.add_argument(
        "--address", metavar="URL", help="of the cluster's dashboard, in place of the way there by ssh of --cluster"
    )


def spelt(options: argparse.Namespace) -> str:
    """The options that name an experiment on a cluster, as one types them."""
    cluster = ["--cluster", options.cluster] if options.address is None else ["--address", options.address]
    return shlex.join(["-g", options.group, "-n", options.name, *cluster])
