"""What Wok does with slptool, said again: `wok_peers.py restated OWN`, or the unmodified model of a checkout of Wok:
`wok_peers.py CHECKOUT OWN`. OWN is HOST:PORT, as Wok makes it of the host's name and its `proxy_port`.

It registers itself when it starts, as Wok does. Then each line on stdin is a wish: `list` and `exit`. Each answer is a
line of JSON: the list as a browser gets it, whether reading it broke off inside, what slptool said that Wok would log, and
how long it took.
"""
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import types

complaints = []


def run_command(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.returncode


class Restated:
    """One line for each host: its URL up to the first comma; what is one's own is left out; a line that is none of that
    breaks the reading off."""

    SERVICE = "service:wokd://"

    def __init__(self, own):
        self.own = own
        self.tell("register")

    def tell(self, wish):
        said, _, _ = run_command(["slptool", wish, self.SERVICE + self.own])
        if said:
            complaints.append(said)

    def end(self):
        self.tell("deregister")

    def get_list(self):
        said, _, status = run_command(["slptool", "findsrvs", "service:wokd"])
        if status:
            complaints.append("status %d" % status)
            return []
        found = []
        for line in said.strip().split("\n"):
            place, comma, _ = line.partition(",")
            if not (comma and place.startswith(self.SERVICE)):
                raise AttributeError(line)
            place = place[len(self.SERVICE):]
            if place != self.own:
                found.append("https://" + place)
        return found


def unmodified(checkout, own):
    """The model of a checkout, with stand-ins for what it takes from the rest of Wok."""
    host, _, port = own.rpartition(":")
    socket.getfqdn = lambda *_: host
    log = types.SimpleNamespace(error=complaints.append)
    engine = types.SimpleNamespace(subscribe=lambda *_: None)
    config = types.SimpleNamespace(get=lambda _, key: {"federation": "on", "proxy_port": port}[key])
    for name, members in [("cherrypy", {"engine": engine}), ("wok", {}), ("wok.config", {"config": config}),
                          ("wok.utils", {"run_command": run_command, "wok_log": log})]:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(members)
    path = os.path.join(checkout, "src/wok/model/peers.py")
    specification = importlib.util.spec_from_file_location("peers_of_wok", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    model = module.PeersModel()
    model.end = model._peer_deregister
    return model


def answer(work):
    start, broke_off, found = time.monotonic(), False, []
    try:
        found = work()
    except AttributeError:  # Wok swallows it and answers an empty list
        broke_off = True
    print(json.dumps({"list": found, "broke_off": broke_off, "complaints": complaints,
                      "seconds": time.monotonic() - start}), flush=True)
    complaints.clear()


def main():
    source, own = sys.argv[1:]
    models = []

    def start():
        models.append(Restated(own) if source == "restated" else unmodified(source, own))
        return []

    def end():
        models[0].end()
        return []

    answer(start)
    for line in sys.stdin:
        answer({"list": models[0].get_list, "exit": end}[line.strip()])


main()
