"""Addresses where a process answers: read from options, and listened on."""

from __future__ import annotations

from dataclasses import dataclass

from duecourse.channels.http.listener import Listener
from duecourse.domain.problems import OUTSIDE, DuecourseError, Problem


@dataclass(frozen=True, slots=True)
class Address:
    """HOST:PORT of an option. Port 0 takes a free one."""

    host: str
    """Of IPv6 without brackets."""
    port: int
    option: str
    """Which it was given by."""
    taken: str
    """The code that says that it cannot be listened on."""

    @classmethod
    def read(cls, text: str, option: str, *, wrong: str, taken: str) -> Address:
        """From what was given. wrong: the code of the DuecourseError that is raised for anything else."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise DuecourseError(
                Problem(wrong, option, "expected HOST:PORT, as 127.0.0.1:8080", "Nothing is served."),
                exit_code=2,
            )
        return cls(host.strip("[]"), int(port), option, taken)

    async def listen(self, listener: Listener) -> str:
        """Start listening; the http address that is answered. Raises DuecourseError with the code `taken`."""
        try:
            bound = await listener.start(self.host, self.port)
        except OSError as error:
            found = f"{self.host}:{self.port} cannot be listened on ({error.strerror})"
            raise DuecourseError(
                Problem(self.taken, self.option, found, "Nothing is served."), exit_code=OUTSIDE
            ) from None
        return f"http://[{self.host}]:{bound}" if ":" in self.host else f"http://{self.host}:{bound}"
