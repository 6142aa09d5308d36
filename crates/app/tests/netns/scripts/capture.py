"""Captures the UDP datagrams of one port, and all fragments of UDP, with a packet socket: no tcpdump needed.

Prints {"ready": true}, then one JSON object a line for each frame. With --interface any it hears all interfaces of the
namespace, and "outgoing" tells the frames that the namespace itself sends.
"""
import argparse
import ipaddress
import json
import socket
import struct
import sys
import time

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
SO_RCVBUFFORCE = 33  # not in the socket module
UDP, IPV6_FRAGMENT = 17, 44


def read_ipv4(packet):
    """The members of a frame that carries UDP over IPv4, and the UDP part; None for anything else."""
    if len(packet) < 20 or packet[9] != UDP:
        return None
    length, _, fragment = struct.unpack(">HHH", packet[2:8])
    members = {"src": str(ipaddress.ip_address(packet[12:16])), "dst": str(ipaddress.ip_address(packet[16:20])),
               "ttl": packet[8], "more_fragments": bool(fragment & 0x2000), "fragment_offset": (fragment & 0x1FFF) * 8,
               "dont_fragment": bool(fragment & 0x4000), "length": length}
    return members, packet[(packet[0] & 15) * 4:length]


def read_ipv6(packet):
    """The same over IPv6; of the extension headers only the fragment header is followed."""
    if len(packet) < 40:
        return None
    length, following, hops = struct.unpack(">HBB", packet[4:8])
    rest, offset, more = packet[40:40 + length], 0, False
    if following == IPV6_FRAGMENT and len(rest) >= 8:
        following, field = rest[0], struct.unpack(">H", rest[2:4])[0]
        offset, more, rest = field & 0xFFF8, bool(field & 1), rest[8:]
    if following != UDP:
        return None
    members = {"src": str(ipaddress.ip_address(packet[8:24])), "dst": str(ipaddress.ip_address(packet[24:40])),
               "ttl": hops, "more_fragments": more, "fragment_offset": offset, "dont_fragment": True,
               "length": length + 40}
    return members, rest


def read(protocol, packet, port):
    found = {ETH_P_IP: read_ipv4, ETH_P_IPV6: read_ipv6}.get(protocol, lambda _: None)(packet)
    if found is None:
        return None
    members, datagram = found
    if members["fragment_offset"]:
        return {**members, "sport": 0, "dport": 0, "payload": datagram.hex()}
    if len(datagram) < 8:
        return None
    source, destination = struct.unpack(">HH", datagram[:4])
    if port not in (source, destination):
        return None
    return {**members, "sport": source, "dport": destination, "payload": datagram[8:].hex()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interface", default="any")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    try:
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    except PermissionError:  # root of a user namespace only
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    if options.interface != "any":
        tap.bind((options.interface, ETH_P_ALL))
        # A bridge hands the frames between its ports up only when it is promiscuous.
        wanted = struct.pack("iHH8s", socket.if_nametoindex(options.interface), PACKET_MR_PROMISC, 0, b"")
        tap.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, wanted)
    print(json.dumps({"ready": True}), flush=True)
    while True:
        packet, (interface, protocol, kind, _, _) = tap.recvfrom(65536)
        members = read(protocol, packet, options.port)
        if members is not None:
            sys.stdout.write(json.dumps({"time": time.monotonic(), "interface": interface,
                                         "outgoing": kind == socket.PACKET_OUTGOING, **members}) + "\n")
            sys.stdout.flush()


main()
