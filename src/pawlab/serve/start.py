"""What the service says as it starts: where to open it, from this machine or from phones in the room, and a warning."""

import ipaddress
import secrets
import socket
import sys

_NOWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # for documentation; nothing is sent there


def say(line: str) -> None:
    """Print a line on standard error."""
    print(line, file=sys.stderr, flush=True)


def is_private(listener: socket.socket) -> bool:
    """Say whether only this machine can connect."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def made_up_token() -> str:
    """Return a token that nobody guesses, short enough to type: 12 letters and digits, 72 bits."""
    return secrets.token_urlsafe(9)


def reached_at(listener: socket.socket) -> str:
    """Return the address under which others reach a listener: its own, this machine's in its network, or its name."""
    own = str(listener.getsockname()[0])
    if not ipaddress.ip_address(own).is_unspecified:
        return own
    try:
        with socket.socket(listener.family, socket.SOCK_DGRAM) as probe:
            probe.connect((_NOWHERE[listener.family], 9))  # which only chooses a network
            return str(probe.getsockname()[0])
    except OSError:  # no network
        return socket.gethostname()


def say_start(listener: socket.socket, token: str | None, is_made_up: bool = False) -> None:
    """Print the address; beyond this machine a QR code of it, and a warning.

    A token that was made up stands in the address, behind the # that browsers send to nobody; one that the user chose
    is not printed.
    """
    shown, port = reached_at(listener), listener.getsockname()[1]
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/{f'#token={token}' if is_made_up else ''}"
    say(f"pawlab: open {address} (Ctrl-C stops)")
    if is_private(listener):
        return
    _show_qr_code(address)
    if token is None:
        say("pawlab: anyone who reaches this machine can use it, and nothing is encrypted; without --no-token it asks.")
    else:
        say("pawlab: whoever has this address and its token can use it; nothing is encrypted on the way.")


def _show_qr_code(address: str) -> None:
    """Draw the address for phones, where people see it."""
    if not sys.stderr.isatty():
        return
    try:
        import segno
    except ModuleNotFoundError:  # an older environment: the address is enough
        return
    segno.make(address, error="l").terminal(out=sys.stderr, compact=True)
