"""The frame and the proof of kimchi-peers datagrams, a second time: written from docs/PROTOCOL.md, not from the Rust code.

It needs the package `cryptography` and the standard library.
"""
import base64
import hashlib
import hmac
import json
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LONGEST = 1200
SIGNATURE_LETTERS, CODE_LETTERS = 86, 22


class Refused(Exception):
    """A datagram that is to be dropped."""


def to_text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def to_bytes(text, length):
    """The bytes of a base64url text, if it is the only text for them."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) != length or to_text(data) != text:
        raise Refused("base64url")
    return data


def frame(body):
    return struct.pack(">I", len(body)) + body + b"\n"


def unframe(datagram):
    """The body of a canonical frame."""
    if not 4 <= len(datagram) <= LONGEST or datagram[-1:] != b"\n":
        raise Refused("frame")
    body = datagram[4:-1]
    if struct.unpack(">I", datagram[:4])[0] != len(body):
        raise Refused("length")
    return body


def public_key(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def group_name(key):
    return to_text(hmac.new(key, b"kimchi-peers 1 group\0", hashlib.sha256).digest()[:8])


def code(key, data):
    return hmac.new(key, b"kimchi-peers 1 mac\0" + data, hashlib.sha256).digest()[:16]


def seal(opened, seed, group=None):
    """The datagram of a body that stands open behind the last member of INFO but `mac` and `sig`."""
    if group is not None:
        opened += b',"mac":"' + to_text(code(group, opened)).encode() + b'"'
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(b"kimchi-peers 1 sig\0" + opened)
    return frame(opened + b',"sig":"' + to_text(signature).encode() + b'"}}')


def cut(data, name, letters, length):
    """Cuts a member and its text off the end; `None` where it does not stand there."""
    opens = b',"' + name + b'":"'
    rest, text = data[:-letters], data[-letters:]
    if not rest.endswith(opens):
        return data, None
    return rest[: -len(opens)], to_bytes(text.decode(), length)


def unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("duplicate member")
    return members


def prove(datagram, groups=()):
    """What a signed datagram proves: the opened body, the sender's identity, and the group key of `groups` that it used."""
    body = unframe(datagram)
    message = json.loads(body.decode(), object_pairs_hook=unique)
    (info,) = message.values()
    members, extension = list(info), info["kp"]
    if members[-1] != "sig" or not body.endswith(b'"}}'):
        raise Refused("signature form")
    signed, signature = cut(body[:-3], b"sig", SIGNATURE_LETTERS, 64)
    if signature is None:
        raise Refused("signature form")
    opened, found = signed, None
    if ("mac" in info) != ("group" in extension):
        raise Refused("signature form")
    if "mac" in info:
        if members[-2] != "mac":
            raise Refused("signature form")
        opened, found = cut(signed[:-1], b"mac", CODE_LETTERS, 16)
    used = None
    for group in groups:
        if found is not None and group_name(group) == extension["group"]:
            if not hmac.compare_digest(code(group, opened), found):
                raise Refused("group code")
            used = group
    identity = to_bytes(extension["id"], 32)
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, b"kimchi-peers 1 sig\0" + signed)
    except InvalidSignature:
        raise Refused("signature") from None
    return opened, identity, used
