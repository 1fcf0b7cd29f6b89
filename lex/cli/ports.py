"""Who has a TCP port."""

import psutil


def holder_of(port: int) -> str:
    """The programs that listen on it, as in `nginx (process 12)`; empty where this user may not see them."""
    try:
        pids = {
            at.pid
            for at in psutil.net_connections("tcp")
            if at.laddr and at.laddr.port == port and at.status == psutil.CONN_LISTEN and at.pid
        }
        return ", ".join(f"{psutil.Process(pid).name()} (process {pid})" for pid in sorted(pids))
    except psutil.Error:  # also: it ended while it was looked at
        return ""
