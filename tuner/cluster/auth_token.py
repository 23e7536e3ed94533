"""The secret that a cluster asks for at every port, where Ray keeps it on this machine."""

import os
from pathlib import Path

from tuner.errors import InputError

CURE = "make one: ray get-auth-token --generate, then chmod 600 ~/.ray/auth_token"


def token_file() -> Path:
    """Where Ray looks for it, unless the environment holds it."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token").expanduser()


def read_token() -> str:
    """The token.

    Raises:
        InputError: there is none.
    """
    given = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    if given:
        return given
    try:
        token = token_file().read_text().strip()
    except OSError as error:
        raise InputError(f"the cluster's token, {token_file()}, cannot be read ({error.strerror}); {CURE}") from None
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable():
        raise InputError(f"the cluster's token, {token_file()}, is empty or no text; {CURE}")
    return token
