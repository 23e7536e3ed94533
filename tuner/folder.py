"""A folder on any storage that pyarrow knows: a local path, or a URI such as `s3://bucket/path`."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pyarrow
from pyarrow import fs

from tuner.errors import InputError, TunerError, UnreadableError, clause

OBJECT_STORES = ("s3", "gcs", "abfs")
ONE_REQUEST = "?allow_delayed_open=true"
"""Of S3: a file of a few megabytes is written by one request, and not by three, of an upload in parts."""
AT_A_TIME = 16
"""Requests to a storage elsewhere, whose answers take tens of milliseconds each."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Folder:
    """A place for files, which need not exist yet.

    Attributes:
        uri: An absolute local path, or a URI.
    """

    uri: str

    @staticmethod
    def at(storage: str) -> "Folder":
        """The folder at a local path, made absolute, or at a URI."""
        return Folder(storage.rstrip("/") if "://" in storage else str(Path(storage).resolve()))

    @property
    def local(self) -> Path | None:
        """The folder's path on this machine; None if it is elsewhere."""
        return None if "://" in self.uri else Path(self.uri)

    @property
    def place(self) -> tuple[fs.FileSystem, str]:
        """The file system, and the folder's path there."""
        return self._resolved

    def __truediv__(self, name: str) -> "Folder":
        return Folder(f"{self.uri}/{name}")

    def exists(self, name: str = "") -> bool:
        """Whether the folder, or the file or folder of this name in it, is there."""
        return bool(self._info(name).type != fs.FileType.NotFound)

    def folders(self) -> tuple[str, ...]:
        """Names of the folders in this one, sorted."""
        return tuple(info.base_name for info in self._content() if info.type == fs.FileType.Directory)

    def files(self) -> tuple[str, ...]:
        """Names of the files in this one, sorted."""
        return tuple(info.base_name for info in self._content() if info.type == fs.FileType.File)

    def names(self) -> tuple[str, ...]:
        """Names of everything in this folder, sorted; none if it is not there."""
        return tuple(info.base_name for info in self._content())

    def sizes(self) -> dict[str, int]:
        """Bytes of every file in this folder and those in it, by its path in this one."""
        selector = fs.FileSelector(self._path(""), allow_not_found=True, recursive=True)
        found = (info for info in self._filesystem.get_file_info(selector) if info.type == fs.FileType.File)
        return {info.path.removeprefix(self._path("")).lstrip("/"): int(info.size or 0) for info in found}

    def read(self, name: str) -> str:
        """The text of a file; empty if it is not there."""
        return self.read_bytes(name).decode(errors="replace")

    def read_bytes(self, name: str) -> bytes:
        """The content of a file; empty if it is not there.

        Raises:
            InputError: it is no file.
            UnreadableError: the storage does not give it.
        """
        kind = self._info(name).type
        if kind == fs.FileType.NotFound:
            return b""
        if kind == fs.FileType.Unknown:  # a pipe would be waited for, and a device may have no end
            raise InputError(f"{self.uri}/{name} is no regular file, but a pipe or a device")
        try:
            with self._filesystem.open_input_stream(self._path(name)) as stream:
                return bytes(stream.read())
        except OSError as error:
            raise UnreadableError(f"{self.uri}/{name} cannot be read: {error}") from None

    def write(self, name: str, content: str | bytes) -> None:
        """The file holds the content; a crash on the way leaves what was there before.

        Raises:
            TunerError: the storage refuses it.
        """
        target = self._path(name)
        written = target if self._is_object_store else f"{target}.partial"
        try:
            if not self._is_object_store:  # which has no folders, but would be asked for each of them
                self._filesystem.create_dir(target.rpartition("/")[0], recursive=True)
            with self._filesystem.open_output_stream(written) as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
            if written != target:
                self._filesystem.move(written, target)
        except OSError as error:
            if written != target:
                with suppress(OSError):
                    self._filesystem.delete_file(written)
            raise TunerError(f"{self.uri}/{name} cannot be written: {error}") from None

    def put(self, source: Path, name: str) -> None:
        """The folder `name` inside is a copy of a local folder, and of nothing else.

        Raises:
            TunerError: the storage refuses it.
        """
        target, old = self._path(name), self._path(f"{name}.old")
        written = target if self._is_object_store else self._path(f"{name}.partial")
        try:
            self._remove(written)
            self._filesystem.create_dir(written, recursive=True)
            fs.copy_files(
                str(source), written, source_filesystem=fs.LocalFileSystem(), destination_filesystem=self._filesystem
            )
            if written != target:
                self._remove(old)
                if self.exists(name):
                    self._filesystem.move(target, old)
                self._filesystem.move(written, target)
                self._remove(old)
        except OSError as error:
            raise TunerError(f"{self.uri}/{name} cannot be written: {error}") from None

    def remove(self, name: str = "") -> None:
        """There is no file of this name in the folder, or no folder.

        Raises:
            TunerError: the storage refuses it.
        """
        try:
            if self._info(name).type == fs.FileType.File:
                self._filesystem.delete_file(self._path(name))
            else:
                self._remove(self._path(name))
        except OSError as error:
            raise TunerError(f"{self.uri}/{name} cannot be removed: {error}") from None

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """What the function, which reads or writes in this folder, returns for each item; it waits for many at a time.

        Raises:
            Exception: the first item's that it raised one for.
        """
        if self.local is not None:
            return [function(item) for item in items]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(function, items))

    def _content(self) -> list[fs.FileInfo]:
        if self._info("").type != fs.FileType.Directory:
            return []
        found = self._filesystem.get_file_info(fs.FileSelector(self._path("")))
        return sorted(found, key=lambda info: info.base_name)

    def _remove(self, path: str) -> None:
        if self._filesystem.get_file_info(path).type == fs.FileType.Directory:
            self._filesystem.delete_dir(path)

    def _info(self, name: str) -> fs.FileInfo:
        try:
            return self._filesystem.get_file_info(self._path(name))
        except OSError as error:
            raise InputError(f"{self.uri} cannot be used: {error}") from None

    def _path(self, name: str) -> str:
        return f"{self._resolved[1]}/{name}".rstrip("/")

    @property
    def _is_object_store(self) -> bool:
        """Whether an object is there only once it is whole; a file is there from its first byte on."""
        return self._filesystem.type_name in OBJECT_STORES

    @property
    def _filesystem(self) -> fs.FileSystem:
        return self._resolved[0]

    @cached_property
    def _resolved(self) -> tuple[fs.FileSystem, str]:
        if self.local is not None:
            return fs.LocalFileSystem(), self.uri
        sparing = ONE_REQUEST if self.uri.startswith("s3://") and "?" not in self.uri else ""
        try:
            filesystem, path = fs.FileSystem.from_uri(f"{self.uri}{sparing}")
        except (pyarrow.ArrowInvalid, ValueError) as error:
            raise InputError(f"{self.uri} is not a storage that pyarrow knows: {clause(error)}") from None
        except OSError as error:
            raise InputError(f"{self.uri} cannot be used: {clause(error)}") from None
        return filesystem, path


def checked_name(name: str, option: str) -> str:
    """The name, if it can be a folder's name on every file system and in every URI.

    Raises:
        InputError: it cannot.
    """
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", name):
        raise InputError(f"{option} cannot be {name!r}, which is a device on Windows")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]{0,99}", name):
        raise InputError(
            f"{option} must be at most 100 letters, digits and _.=+-, the first no sign, but got {name[:60]!r}"
        )
    return name
