"""A switch made of packet sockets on the interfaces of its namespace, which can do what a kernel's bridge cannot.

It learns addresses as a switch does and sends the rest to all ports. Datagrams of discovery it copies and delays, and with --members
it passes what is sent to 224.0.0.132 on to those ports only that reported their membership so many seconds ago at most. It asks
nobody for a report, as a snooping switch without a querier. Lines on stdin change it: "copies 10", "delay SHARE SECONDS" (that share
of the datagrams is late by up to so many seconds), "deaf MAC" (reports from there are not heard).
It prints {"ready": true}, then a line for each report: {"member": MAC}, and at each end of one: {"expired": MAC}.
"""
import argparse
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL, ETH_P_IP = 3, 0x0800
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_VNET_HDR = 263, 1, 1, 15
# Frames between namespaces carry no checksum yet; this header before each says so, and hands it on to the receiver's kernel.
VNET_HDR_LENGTH = 10
IGMP, UDP, PORT = 2, 17, 8000
GROUP = socket.inet_aton("224.0.0.132")
MODE_IS_INCLUDE, CHANGE_TO_INCLUDE = 1, 3


def open_ports():
    names = [name for name in os.listdir("/sys/class/net") if name != "lo"]
    ports = []
    for name in names:
        port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        port.bind((name, ETH_P_ALL))
        promiscuous = struct.pack("iHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
        port.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous)
        port.setblocking(False)
        ports.append(port)
    return ports


def ip_of(frame):
    """The protocol, the destination and what follows the header of an IPv4 packet; nothing of any other frame."""
    if frame[12:14] != struct.pack(">H", ETH_P_IP):
        return None, None, b""
    packet = frame[14:]
    return packet[9], packet[16:20], packet[(packet[0] & 15) * 4:]


def joins(report):
    """Whether an IGMP message says that its sender is a member (True), or no longer (False), of our group."""
    kind = report[0]
    if kind in (0x12, 0x16) and report[4:8] == GROUP:
        return True
    if kind == 0x17 and report[4:8] == GROUP:
        return False
    if kind != 0x22:
        return None
    (count,), offset = struct.unpack(">H", report[6:8]), 8
    for _ in range(count):
        record, auxiliary, sources = struct.unpack(">BBH", report[offset:offset + 4])
        if report[offset + 4:offset + 8] == GROUP:
            return record not in (MODE_IS_INCLUDE, CHANGE_TO_INCLUDE) or sources > 0
        offset += 8 + 4 * (sources + auxiliary)
    return None


class Switch:
    def __init__(self, members):
        self.ports, self.learned = open_ports(), {}
        self.copies, self.share, self.lateness = 1, 0.0, 0.0
        # How long a membership lasts, until when each port is a member, and whose reports are not heard.
        self.lasts, self.member_until, self.deaf = members, {}, set()
        self.late, self.order = [], itertools.count()

    def take(self, port):
        try:
            data, (_, _, kind, _, _) = port.recvfrom(65600)
        except BlockingIOError:
            return
        frame = data[VNET_HDR_LENGTH:]
        if kind == socket.PACKET_OUTGOING or len(frame) < 14:
            return
        source = frame[6:12].hex(":")
        self.learned[source] = port
        protocol, destination, rest = ip_of(frame)
        if protocol == IGMP:
            self.note_report(port, source, rest)
            return
        to = self.targets(port, frame, destination)
        if protocol == UDP and PORT in struct.unpack(">HH", rest[:4]):
            self.disturb(to, data)
        else:
            send(to, data)

    def note_report(self, port, source, report):
        joined = joins(report)
        if joined is None or source in self.deaf:
            return
        if joined:
            self.member_until[port] = (time.monotonic() + self.lasts, source)
            say({"member": source})
        else:
            self.member_until.pop(port, None)

    def targets(self, port, frame, destination):
        if not frame[0] & 1:
            known = self.learned.get(frame[:6].hex(":"))
            return [known] if known else [each for each in self.ports if each is not port]
        pruned = self.lasts and destination == GROUP
        return [each for each in self.ports if each is not port and (not pruned or each in self.member_until)]

    def disturb(self, to, data):
        for _ in range(self.copies):
            if random.random() < self.share:
                due = time.monotonic() + random.uniform(0, self.lateness)
                heapq.heappush(self.late, (due, next(self.order), to, data))
            else:
                send(to, data)

    def let_time_pass(self):
        now = time.monotonic()
        while self.late and self.late[0][0] <= now:
            _, _, to, data = heapq.heappop(self.late)
            send(to, data)
        for port, (until, source) in list(self.member_until.items()):
            if until <= now:
                del self.member_until[port]
                say({"expired": source})

    def obey(self, line):
        word, *values = line.split()
        if word == "copies":
            self.copies = int(values[0])
        elif word == "delay":
            self.share, self.lateness = map(float, values)
        elif word == "deaf":
            self.deaf.add(values[0])
        say({"obeyed": line.strip()})

    def run(self):
        say({"ready": True})
        while True:
            ready, _, _ = select.select([*self.ports, sys.stdin], [], [], 0.01 if self.late else 0.2)
            for each in ready:
                if each is sys.stdin:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.obey(line)
                else:
                    self.take(each)
            self.let_time_pass()


def send(to, data):
    for port in to:
        try:
            port.send(data)
        except OSError:
            pass  # The cable is pulled, or the port's queue is full: a switch drops it too.


def say(members):
    print(json.dumps(members), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=float, default=0, help="seconds that a membership lasts; 0 prunes nothing")
    Switch(parser.parse_args().members).run()


main()
