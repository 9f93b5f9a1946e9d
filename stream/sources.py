"""What the address of a source says: is it a file or a camera, what is wrong with it, and what of it may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from urllib.parse import quote, urlsplit

DEVICE = re.compile(r"/dev/video\d+")
SECRET = re.compile(r"(?i)([?&][^=&\s]*(?:pass|pwd|token|secret|key|auth)[^=&\s]*=)[^&\s'\"]*")
PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935}  # of protocols over one TCP connection
FILE = "file://"
HOSTED = (*PORTS, "rtmps", "http", "https")  # there must be somebody who is asked
PROTOCOLS = (*HOSTED, "rtmpe", "rtmpt", "rtmpte", "rtmpts", "rtp", "srtp", "udp", "tcp", "sctp", "srt", "ftp", "sftp")
NO_ADDRESS = re.compile(rf"({'|'.join(PROTOCOLS)})(:/?(?!/)|//)", re.IGNORECASE)
LOGIN = re.compile(rf"(://|\b(?:{'|'.join(PROTOCOLS)})(?::/?|//)(?!/))[^\s?]*@", re.IGNORECASE)
ALIKE = 0.7  # from which on one protocol is taken for another mistyped


def is_url(source: str) -> bool:
    return "://" in source and not source.startswith(FILE)


def checked(source: str) -> str:
    """A source as it is meant: a path as it is, without file:// before it; an address with its protocol in small
    letters, as FFmpeg wants it.

    Raises ValueError that says what is wrong with an address, without user and password. A file whose name looks like
    an address with a mistake is given as ./NAME.
    """
    text = source.strip()
    if mistake := NO_ADDRESS.match(text):
        meant, signs = mistake[1].lower(), text[: mistake.end()]
        raise ValueError(f"expected an address that begins with {meant}://, got {signs!r} before the host")
    if text.lower().startswith(FILE):
        return text[len(FILE) :]
    if not is_url(text):
        return source
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in PROTOCOLS and (near := get_close_matches(scheme.lower(), HOSTED, 3, ALIKE)):
        raise ValueError(f"expected {' or '.join(f'{name}://' for name in near)}, got {scheme}://")
    text = f"{scheme.lower()}://{rest}"
    try:
        host, _ = urlsplit(text).hostname, urlsplit(text).port
    except ValueError as error:
        raise ValueError(_misread(rest)) from error
    if not host and scheme.lower() in HOSTED:
        raise ValueError(f"expected a host after {scheme.lower()}://, got none")
    return text


def _misread(rest: str) -> str:
    """Of an address whose host or port makes no sense: why. The text itself may hold a password."""
    if "@" in rest:
        return (
            "expected user:password@host:port after ://, special signs in the password as %XX (/ as %2F, # as %23); "
            "or the password in ROADTALLY_<CAMERA>_PASSWORD"
        )
    return "expected host:port after ://, the port up to 65535, an IPv6 address in [ ]"


def is_device(source: str) -> bool:
    """A camera at this machine: /dev/video0."""
    return DEVICE.fullmatch(source) is not None


def is_live(source: str) -> bool:
    """True for a camera, False for a file."""
    return is_url(source) or is_device(source)


def comes_in_bursts(source: str) -> bool:
    """HLS hands out some seconds of pictures at once: they wait for their turn instead of being skipped."""
    return is_url(source) and urlsplit(source).path.endswith((".m3u8", ".m3u"))


def masked(text: str) -> str:
    """An address, or words around one, without user, password and tokens: everything up to the last @ is taken for
    them, since a password may hold any sign."""
    return SECRET.sub(r"\1***", LOGIN.sub(r"\1***@", text))


def with_credentials(source: str, camera: str, environ: Mapping[str, str]) -> str:
    """The address with the password of ROADTALLY_<CAMERA>_PASSWORD, and the user of ROADTALLY_<CAMERA>_USER, where
    they are set. <CAMERA> is the camera's name in capitals, with _ for every sign that is no letter or digit."""
    user_name, password_name = variables_of(camera)
    password = environ.get(password_name)
    if password is None or not is_url(source):
        return source
    address = urlsplit(source)
    old, _, host = address.netloc.rpartition("@")
    user = environ.get(user_name)
    user = old.partition(":")[0] if user is None else quote(user, safe="")
    return address._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def variables_of(camera: str) -> tuple[str, str]:
    """The names of the environment variables with a camera's user and password."""
    prefix = f"ROADTALLY_{re.sub('[^A-Z0-9]', '_', camera.upper())}"
    return f"{prefix}_USER", f"{prefix}_PASSWORD"


def endpoint_of(source: str) -> tuple[str, int] | None:
    """Host and port that must answer, for protocols over one TCP connection; None for others."""
    address = urlsplit(source)
    if address.scheme not in PORTS or not address.hostname:
        return None
    return address.hostname, address.port or PORTS[address.scheme]
