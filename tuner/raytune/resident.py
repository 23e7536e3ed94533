"""What belongs to a process, and not to the run that Ray pickles."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

Own = TypeVar("Own", bound="Resident")


class Resident:
    """The one of its class in a process.

    Ray pickles callbacks, stoppers, searchers and schedulers with an experiment, and restores them in another process.
    What they hold or look up here belongs to a process: open files, the terminal, the time that is left. So what is
    unpickled is the one that was begun in that process.
    """

    _residents: ClassVar[dict[type, Any]] = {}

    def begin(self: Own) -> Own:
        """From now on it is the one of this process."""
        Resident._residents[type(self)] = self
        return self

    @classmethod
    def current(cls: type[Own]) -> Own:
        """The one of this process.

        Raises:
            LookupError: none was begun.
        """
        if cls not in Resident._residents:
            raise LookupError(f"no {cls.__name__} was begun in this process")
        found: Own = Resident._residents[cls]
        return found

    def __reduce__(self: Own) -> tuple[Callable[[], Own], tuple[()]]:
        return type(self).current, ()
