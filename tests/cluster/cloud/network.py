"""The network of a region: one bridge without an uplink, and a namespace on it for every box.

To be called inside a network namespace of its own only: the addresses belong to somebody elsewhere.
"""

import subprocess

BRIDGE = "vpc"
GATEWAY = "172.31.255.254"
"""Of the default VPC's network; the API answers here."""
OUTSIDE = "198.51.100.254"
"""Of the network of public addresses."""
METADATA = "169.254.169.254"
NOBODY = "172.31.255.253"
"""Where the default route ends: without one, Ray takes 127.0.0.1 for a machine's address."""


def build() -> None:
    """The bridge is up, with our addresses on it."""
    _ip(
        "link set lo up",
        # of its ports' addresses it would take the lowest, and ARP goes stale for a minute when that port leaves
        f"link add {BRIDGE} address 02:00:00:00:00:01 type bridge",
        f"addr add {GATEWAY}/16 dev {BRIDGE}",
        f"addr add {OUTSIDE}/24 dev {BRIDGE}",
        f"addr add {METADATA}/32 dev {BRIDGE}",
        f"link set {BRIDGE} up",
        f"route add default via {NOBODY}",
    )


def attach(name: str, private: str, public: str | None) -> None:
    """The namespace `name` is on the bridge, with these addresses.

    Raises:
        subprocess.CalledProcessError: `ip` refused.
    """
    port = _port(name)
    hardware = ":".join(["02", "00", *(f"{int(part):02x}" for part in private.split("."))])
    _ip(
        f"netns add {name}",
        f"link add {port} type veth peer name eth0 address {hardware} netns {name}",
        f"link set {port} master {BRIDGE} up",
    )
    _ip(
        "link set lo up",
        "link set eth0 up",
        f"addr add {private}/16 dev eth0",
        *([f"addr add {public}/24 dev eth0"] if public else []),
        f"route add {METADATA} dev eth0 src {private}",
        f"route add default via {NOBODY} src {private}",
        inside=name,
    )


def cut(name: str) -> None:
    """Nothing reaches the namespace any more, at once; it is gone with its last process."""
    _ip(f"link delete {_port(name)}", f"netns delete {name}")


def _port(name: str) -> str:
    return f"v{name[-12:]}"  # a name has 15 characters at most


def _ip(*commands: str, inside: str | None = None) -> None:
    where = ["-n", inside] if inside else []
    subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(commands), text=True, check=True)
