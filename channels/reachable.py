"""Which address on the network a written one may lead to.

Staff and customers write addresses (watches, images, hooks) that our servers then call: without a judge in
between, anybody who may write one could read what only our own network can see.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import idna

# Where public web pages are; if we went to any other, we would be a port scanner for whoever asks.
PORTS = (80, 443, 8000, 8008, 8080, 8088, 8443, 8888)
LONGEST_ADDRESS = 2048

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
# A host and port to the IP addresses behind it; given so that tests can move a name between two look-ups.
Resolver = Callable[[str, int], Sequence[str]]


class Unfetched(Exception):
    """The page could not be had. The text names the host at most: the rest of an address may hold a token."""


class Forbidden(Unfetched):
    """The address leads where we do not go; trying again is useless."""


@dataclass(frozen=True)
class Place:
    """An address taken apart once; whatever calls it uses these parts and never reads the text again."""

    scheme: str
    host: str  # in ASCII, lower case; an IPv6 address without its brackets
    port: int
    target: str  # path and query, as they go into the request line
    url: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def place(url: str, *, allow_private: bool) -> Place:
    """The address's parts, or `Forbidden` in words for whoever wrote it."""
    if len(url) > LONGEST_ADDRESS:
        raise Forbidden(f"the address is longer than {LONGEST_ADDRESS} characters")
    # urlsplit drops tabs and line breaks and others read a backslash as a slash: two readers, two hosts.
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise Forbidden("the address has a space, a control character or a backslash in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("the address cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise Forbidden("the address must begin with http:// or https://")
    if "@" in parts.netloc:
        raise Forbidden("the address must hold no user name or password")
    host = _host(parts.hostname or "")
    port = port if port is not None else {"http": 80, "https": 443}[parts.scheme]
    if port not in PORTS and not allow_private:
        raise Forbidden(f"port {port} is not among {', '.join(map(str, PORTS))}")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    target += f"?{quote(parts.query, safe=_QUERY)}" if parts.query else ""
    return Place(parts.scheme, host, port, target, url)


_QUERY = "/?%:@!$&'()*+,;=~-._[]|"
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# What an old resolver reads as a number: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def _host(written: str) -> str:
    if ":" in written:
        if "%" in written:  # a zone is one of this machine's own networks
            raise Forbidden("the host is no IPv6 address")
        try:
            return str(ipaddress.IPv6Address(written))
        except ValueError:
            raise Forbidden("the host is no IPv6 address") from None
    host = written.lower()
    if not host.isascii():
        # Full-width digits, circled digits and other dots become plain ones here, before they are judged.
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode()
        except idna.IDNAError:
            raise Forbidden("the host is no domain name") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Forbidden("the host is no domain name")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Forbidden("the host is a number that only looks like an address") from None
    return host


def addresses(place: Place, resolve: Resolver, seconds: float, *, allow_private: bool) -> list[str]:
    """The IP addresses to connect to, looked up once. One that is forbidden forbids the name."""
    try:
        found = [str(ipaddress.ip_address(place.host))]
    except ValueError:
        found = _in_time(lambda: resolve(place.host, place.port), seconds, place.host)
    if not found:
        raise Unfetched(f"{place.host} has no address")
    for address in found:
        why = forbidden(address, allow_private=allow_private)
        if why:
            raise Forbidden(f"{place.host} leads to {why}")
    return found


def by_system(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def _in_time(look_up: Callable[[], Sequence[str]], seconds: float, host: str) -> list[str]:
    """getaddrinfo knows no time limit, so a thread waits for it that we can leave behind."""
    found: list[str] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            found.extend(look_up())
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="resolver", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unfetched(f"{host} could not be looked up in time")
    if failed:
        raise Unfetched(f"{host} could not be found")
    return found


# Clouds hand out the machine's own keys here; no page that anybody watches is there, whatever is allowed.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TUNNELS = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32", "64:ff9b:1::/48", "::/96")))
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_PRIVATE_6 = ipaddress.IPv6Network("fc00::/7")
# is_global calls these public in some versions of Python, or public although nobody's page is there.
_NOBODY_4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15")))
_PRIVATE_4 = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))


def forbidden(address: str, *, allow_private: bool) -> str:
    """Why not, in words that follow 'leads to'; empty when we may go there."""
    try:
        ip = _inner(ipaddress.ip_address(address))
    except ValueError:
        return "an address with a zone"
    if ip in _METADATA or ip.is_link_local:
        return "an address of the machine's own cloud (link-local)"
    if ip.is_multicast or ip.is_unspecified or ip == ipaddress.IPv4Address("255.255.255.255"):
        return "an address that is no single machine's"
    if isinstance(ip, ipaddress.IPv6Address) and not ip.is_loopback and any(ip in net for net in _TUNNELS):
        return "a tunnel"
    if allow_private and (ip.is_loopback or _private(ip)):
        return ""
    if ip.is_loopback:
        return "this machine (loopback)"
    if not ip.is_global or _private(ip) or ip.is_reserved or _nobodys(ip):
        return "a private address"
    return ""


def _inner(ip: Ip) -> Ip:
    """The IPv4 address that an IPv6 one merely carries."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:  # how a machine without IPv4 reaches IPv4 pages
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.scope_id:
            raise ValueError("zone")
    return ip


def _private(ip: Ip) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in _PRIVATE_6
    return any(ip in net for net in _PRIVATE_4)


def _nobodys(ip: Ip) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        return ip not in _GLOBAL_6
    return any(ip in net for net in _NOBODY_4)
