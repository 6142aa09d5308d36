#!/usr/bin/env python3
"""Lists what the program is made of, as CycloneDX 1.5: the crates that Cargo.lock names, as far as the program has them.

Reads Cargo's own metadata; writes to stdout. The same source gives the same bytes.
"""

import json
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = "kimchi-peers-app"
TARGET = "x86_64-unknown-linux-gnu"


def metadata():
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={TARGET}"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def in_the_program(nodes, start):
    """The packages that are linked in or that build it: everything but what only tests use."""
    found, open_ = set(), [start]
    while open_:
        package = open_.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                open_.append(dependency["pkg"])
    return found


def main():
    told = metadata()
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(crate["name"], crate["version"]): crate.get("checksum") for crate in locked}
    program = next(package for package in packages.values() if package["name"] == PROGRAM)
    parts = sorted(in_the_program(nodes, program["id"]) - {program["id"]}, key=lambda part: purl(packages[part]))

    def component(package):
        entry = {
            "type": "library",
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "purl": purl(package),
        }
        if package["license"]:
            # Old manifests have a slash where the standard has a word.
            entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        checksum = checksums.get((package["name"], package["version"]))
        if checksum:
            entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        return entry

    chosen = set(parts) | {program["id"]}

    def depends_on(part):
        kept = (dep["pkg"] for dep in nodes[part]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]))
        return sorted(purl(packages[dependency]) for dependency in kept if dependency in chosen)

    top = component(program) | {"type": "application", "name": "kimchi-peers"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": top},
        "components": [component(packages[part]) for part in parts],
        "dependencies": [
            {"ref": purl(packages[part]), "dependsOn": depends_on(part)} for part in [program["id"], *parts]
        ],
    }
    print(json.dumps(document, indent=1))


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


if __name__ == "__main__":
    main()
