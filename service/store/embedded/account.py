"""Under whose account PostgreSQL's programs run: it refuses uid 0, so root lends another."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from service.settings import sudo_uid
from service.store.embedded.binaries import ENVIRONMENT


class _Manner(TypedDict, total=False):
    cwd: str
    env: dict[str, str]
    stdin: int
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine; `lent` where it is not the one we run as."""

    uid: int
    gid: int
    name: str
    lent: bool

    def run(
        self, command: Sequence[str], *, errors: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one program as this account and wait for its end."""
        return subprocess.run(  # noqa: S603 - PostgreSQL's programs, with arguments of ours
            command, check=False, stdout=subprocess.PIPE, stderr=errors, **self._manner()
        )

    def start(self, command: Sequence[str], *, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start one program as this account, in a session of its own: our end is not its end."""
        return subprocess.Popen(  # noqa: S603 - PostgreSQL's server, with arguments of ours
            command, stdout=log, stderr=log, start_new_session=True, **self._manner()
        )

    def _manner(self) -> _Manner:
        """Say how a program of this account is run: nothing of ours goes along."""
        manner = _Manner(cwd="/", env=dict(ENVIRONMENT), stdin=subprocess.DEVNULL)
        if self.lent:
            manner |= _Manner(user=self.uid, group=self.gid, extra_groups=[])
        return manner

    def runs(self, program: str) -> bool:
        """Say whether this account may run a program: one below a 0700 home is closed."""
        try:
            return self.run([program, "--version"], errors=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False

    def enters(self, folder: Path) -> bool:
        """Say whether this account can walk down to a folder."""
        return all(self._passes(one) for one in (folder, *folder.parents))

    def _passes(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & 0o100)
        if found.st_gid == self.gid:
            return bool(found.st_mode & 0o010)
        return bool(found.st_mode & 0o001)

    def own_folder(self, folder: Path) -> None:
        """Make a folder that this account alone may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.lent:
            os.chown(folder, self.uid, self.gid)


def account() -> Account:
    """Choose who runs PostgreSQL: ourselves, or where we are root the account that lends itself.

    Root takes the person behind sudo, else `postgres`, else `nobody` (initdb needs a name).
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), name="you", lent=False)
    entry = _by_uid(sudo_uid()) or _by_name("postgres") or pwd.getpwnam("nobody")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name, lent=True)


def _by_uid(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid) if uid else None
    except KeyError:
        return None


def _by_name(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
