"""A base peer: it speaks the request's protocol and nothing of ours, with Python's standard library alone.

It joins 224.0.0.132 on one address, searches once, answers every search at once with a multicast notify, keeps a list
of peers by name, and forgets a peer that quits. It accepts the canonical form only (head of 32 bit big endian, one JSON
object, LF): what it cannot read, an old host could not read either, and it says so.

Events go to stdout, one JSON object a line: ready, search, notify, quit, junk, sent, list. Commands come from stdin:
search, notify, quit, list, end.
"""
import argparse
import json
import socket
import struct
import sys
import threading
import time

KINDS = ("search", "notify", "quit")


def say(event, **members):
    """Prints one event; one write call, so that the two threads cannot mix their lines."""
    sys.stdout.write(json.dumps({"event": event, "time": time.monotonic(), **members}) + "\n")
    sys.stdout.flush()


def encode(kind, info, head, tail):
    """One datagram in the wanted reading of the request's "sizeof(messageBody)" and "EOL"."""
    body = json.dumps({kind: info}, separators=(",", ":")).encode()
    heads = {"big": struct.pack(">I", len(body)), "little": struct.pack("<I", len(body)),
             "decimal": str(len(body)).encode()}
    return heads[head] + body + {"lf": b"\n", "crlf": b"\r\n"}[tail]


def once(pairs):
    """A JSON object whose member names differ; the json module would silently keep the last of two."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name occurs twice")
    return members


def decode(frame):
    """Returns (kind, info) of a canonical frame; raises ValueError with the cause for anything else."""
    if len(frame) < 6 or len(frame) > 1200:
        raise ValueError("size")
    if struct.unpack(">I", frame[:4])[0] != len(frame) - 5:
        raise ValueError("head")
    if frame[-1:] != b"\n":
        raise ValueError("tail")
    message = json.loads(frame[4:-1].decode(), object_pairs_hook=once)
    if not isinstance(message, dict) or len(message) != 1:
        raise ValueError("not an object of one member")
    (kind, info), = message.items()
    if kind not in KINDS or not isinstance(info, dict):
        raise ValueError("kind")
    for member in ("domain", "IP", "httpport", "httpsport"):
        if not isinstance(info.get(member), str) or not info[member]:
            raise ValueError("member " + member)
    for member in ("httpport", "httpsport"):
        if not info[member].isdecimal() or not 1 <= int(info[member]) <= 65535:
            raise ValueError("member " + member)
    return kind, info


class BasePeer:
    def __init__(self, options):
        self.options = options
        self.info = {"domain": options.name, "IP": options.ip, "httpport": options.http_port,
                     "httpsport": options.https_port}
        self.target = (options.group, options.port)
        self.lock = threading.Lock()
        self.peers = {}
        self.answering = True
        self.speaking = threading.Lock()
        group, own = socket.inet_aton(options.group), socket.inet_aton(options.ip)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.target)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + own)

    def send(self, kind):
        try:
            self.socket.sendto(encode(kind, self.info, self.options.head, self.options.tail), self.target)
        except OSError as error:
            say("unsent", kind=kind, error=str(error))
        else:
            say("sent", kind=kind)

    def listen(self):
        while True:
            frame, (address, port) = self.socket.recvfrom(65536)
            try:
                kind, info = decode(frame)
            except ValueError as error:
                say("junk", cause=str(error), source=address, port=port, canonical=False, frame=frame.hex())
                continue
            if info["domain"] == self.info["domain"] and address == self.options.ip:
                continue  # our own datagram, looped back
            self.take(kind, info)
            say(kind, source=address, port=port, canonical=True, info=info, frame=frame.hex())
            if kind == "search":
                with self.speaking:
                    if self.answering:
                        self.send("notify")

    def take(self, kind, info):
        with self.lock:
            if kind == "quit":
                self.peers.pop(info["domain"], None)
            else:
                self.peers[info["domain"]] = info["IP"]

    def obey(self):
        for line in sys.stdin:
            command = line.strip()
            if command == "end":
                break
            if command == "list":
                with self.lock:
                    say("list", peers=dict(self.peers))
            elif command in KINDS:
                # After a goodbye an answer would bring it back into the lists.
                with self.speaking:
                    self.answering = command != "quit"
                    self.send(command)
            else:
                say("unknown", command=command)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--group", default="224.0.0.132")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--http-port", default="8000")
    parser.add_argument("--https-port", default="8001")
    parser.add_argument("--head", choices=("big", "little", "decimal"), default="big")
    parser.add_argument("--tail", choices=("lf", "crlf"), default="lf")
    peer = BasePeer(parser.parse_args())
    threading.Thread(target=peer.listen, daemon=True).start()
    say("ready")
    peer.send("search")
    peer.obey()


main()
