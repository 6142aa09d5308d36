"""Sends UDP datagrams with any bytes, any TTL and any source address.

Reads one JSON object from stdin: {"to", "port", "ttl", "interface", "source": address or null, "pause": seconds,
"repeat": n, "payloads": [hex, ..]}. A source that is not null is forged with a raw socket; such a datagram must fit one
frame. Prints the number of datagrams that the kernel took.
"""
import json
import socket
import struct
import sys
import time


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forged(order, payload):
    """A whole IPv4 packet; the checksum of UDP matters, for a receiver drops a wrong one long before the daemon."""
    source, target = socket.inet_aton(order["source"]), socket.inet_aton(order["to"])
    length = 8 + len(payload)
    udp = struct.pack(">HHHH", order["port"], order["port"], length, 0) + payload
    pseudo = source + target + struct.pack(">BBH", 0, socket.IPPROTO_UDP, length)
    udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp) or 0xFFFF) + payload
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, order["ttl"], socket.IPPROTO_UDP, 0, source, target)
    return header + udp


def open_socket(order):
    # struct ip_mreqn by interface index: a host may have no route for multicast and no address at all.
    index = socket.if_nametoindex(order["interface"])
    kind = (socket.SOCK_RAW, socket.IPPROTO_RAW) if order["source"] else (socket.SOCK_DGRAM, 0)
    sender = socket.socket(socket.AF_INET, *kind)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, order["ttl"])
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, order["ttl"])
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    return sender


def main():
    order = json.load(sys.stdin)
    sender, sent = open_socket(order), 0
    for _ in range(order["repeat"]):
        for payload in map(bytes.fromhex, order["payloads"]):
            sender.sendto(forged(order, payload) if order["source"] else payload, (order["to"], order["port"]))
            sent += 1
            time.sleep(order["pause"])
    print(sent)


main()
