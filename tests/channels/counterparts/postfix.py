"""A Postfix of our own: own folders, one loopback port, no system service. Needs root, as Postfix does.

borrower.example has one box, `wangwei`; everybody else there bounces after it was taken. What is sent back to
lender.example lands in the Maildir `bounces`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import missing, program

MAIN = """
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
maillog_file = {base}/log/mail
maillog_file_prefixes = {base}/log
mail_owner = postfix
myhostname = relay.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
recipient_delimiter = +
virtual_mailbox_domains = borrower.example, lender.example
virtual_mailbox_base = {base}/boxes
virtual_mailbox_maps = inline:{{ wangwei@borrower.example=wangwei/, bounces@lender.example=bounces/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions =
  check_recipient_access inline:{{ {{ refused@borrower.example = 550 5.1.1 Nobody }} }},
  check_recipient_access inline:{{ {{ busy@borrower.example = 451 4.3.2 Later }} }},
  permit_mynetworks, reject
smtpd_client_event_limit_exceptions = static:all
alias_maps =
alias_database =
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Started on construction."""

    def __init__(self) -> None:
        self._postfix = program("postfix")
        if os.geteuid() != 0:
            missing("postfix starts only for root")
        owner = pwd.getpwnam("postfix")
        self._base = Path(tempfile.mkdtemp(prefix="duecourse-postfix-"))
        self._base.chmod(0o755)
        for name in ("config", "queue", "data", "log", "boxes"):
            (self._base / name).mkdir(mode=0o755)
        for name in ("data", "boxes"):
            os.chown(self._base / name, owner.pw_uid, owner.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        main = MAIN.format(base=self._base, uid=owner.pw_uid, gid=owner.pw_gid)
        (self._base / "config" / "main.cf").write_text(main)
        (self._base / "config" / "master.cf").write_text(MASTER.format(port=self.port))
        self._run("start")
        self._wait()

    @property
    def bounces(self) -> Path:
        """Maildir of lender.example's bounces."""
        return self._base / "boxes" / "bounces"

    @property
    def inbox(self) -> Path:
        """Maildir of wangwei@borrower.example."""
        return self._base / "boxes" / "wangwei"

    def stop(self) -> None:
        """Stop it and remove its folders."""
        self._run("stop")
        shutil.rmtree(self._base, ignore_errors=True)

    def log(self) -> str:
        path = self._base / "log" / "mail"
        return path.read_text() if path.exists() else ""

    def _run(self, verb: str) -> None:
        command = [self._postfix, "-c", str(self._base / "config"), verb]
        run = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, run.stderr + self.log()

    def _wait(self) -> None:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < until, self.log()
                time.sleep(0.05)
