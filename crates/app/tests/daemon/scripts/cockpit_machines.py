"""Prints the machines that Cockpit's bridge, named by its path, has read, as an object of objects.

The bridge speaks in frames: the length in decimal and a line feed, then the name of a channel, a line feed and JSON.
"""

import json
import subprocess
import sys

QUESTION = ["/machines", "org.freedesktop.DBus.Properties", "Get", ["cockpit.Machines", "Machines"]]


def main():
    bridge = subprocess.Popen(
        [sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )

    def send(channel, message):
        frame = f"{channel}\n{json.dumps(message)}".encode()
        bridge.stdin.write(b"%d\n%s" % (len(frame), frame))
        bridge.stdin.flush()

    def receive():
        length = bridge.stdout.readline()
        if not length:
            sys.exit("the bridge ended")
        channel, _, text = bridge.stdout.read(int(length)).decode().partition("\n")
        return channel, json.loads(text)

    receive()
    send("", {"command": "init", "version": 1, "host": "localhost"})
    send("", {"command": "open", "channel": "machines", "payload": "dbus-json3", "bus": "internal"})
    send("machines", {"call": QUESTION, "id": "all"})
    answer = {}
    while not answer.keys() & {"reply", "error"}:
        channel, said = receive()
        answer = said if channel == "machines" else {}
    bridge.kill()
    if "error" in answer:
        sys.exit(f"the bridge refuses: {answer['error']}")
    machines = answer["reply"][0][0]["v"]
    print(json.dumps({name: {key: value["v"] for key, value in each.items()} for name, each in machines.items()}))


if __name__ == "__main__":
    main()
