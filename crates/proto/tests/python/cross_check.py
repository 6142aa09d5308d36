"""Checks the proof of datagrams of the Rust implementation, and makes as many for it to check.

stdin:  one line for each datagram: the sender's seed, its group key or `-`, the datagram, all in hexadecimal
stdout: one line for each datagram of ours, in the same form; `OK` as the last line
"""
import random
import sys

import wire


def refused(datagram, groups):
    try:
        wire.prove(datagram, groups)
    except (wire.Refused, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return True
    return False


def check(seed, group, datagram, chance):
    groups = [group] if group else []
    opened, identity, used = wire.prove(datagram, groups)
    assert identity == wire.public_key(seed), "another identity"
    assert used == group, "another group"
    # Ed25519 has one signature for one message, so both write the same bytes.
    assert wire.seal(opened, seed, group) == datagram, "other bytes"
    bit = chance.randrange(32, (len(datagram) - 1) * 8)
    flipped = bytearray(datagram)
    flipped[bit // 8] ^= 1 << bit % 8
    assert refused(bytes(flipped), groups), f"bit {bit} flipped and taken"


def random_message(chance):
    seed = chance.randbytes(32)
    group = chance.randbytes(32) if chance.random() < 0.5 else None
    kind = chance.choice(["search", "notify", "quit"])
    label = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789_", k=chance.randint(1, 63)))
    address = ".".join(str(part) for part in (10, chance.randrange(256), chance.randrange(256), chance.randint(1, 254)))
    ports = (chance.randint(1, 65535), chance.randint(1, 65535))
    extension = f'"v":1,"id":"{wire.to_text(wire.public_key(seed))}","epoch":{chance.randint(1, 2**53 - 1)}'
    extension += f',"seq":{chance.randrange(2**53)},"ttl":{chance.randrange(86401)}'
    if chance.random() < 0.3:
        extension += f',"nonce":"{chance.randrange(2**64):016x}"'
    if group:
        extension += f',"group":"{wire.group_name(group)}"'
    if chance.random() < 0.3 and kind != "quit":
        extension += f',"dig":"{chance.randrange(2**64):016x}/{chance.randrange(100000)}"'
    if chance.random() < 0.3:
        extension += ',"later":{"a":1}'
    opened = f'{{"{kind}":{{"domain":"{label}","IP":"{address}","httpport":"{ports[0]}","httpsport":"{ports[1]}","kp":{{{extension}}}'
    return seed, group, wire.seal(opened.encode(), seed, group)


def main():
    chance = random.Random(1)
    count = 0
    for line in sys.stdin:
        seed, group, datagram = line.split()
        check(bytes.fromhex(seed), None if group == "-" else bytes.fromhex(group), bytes.fromhex(datagram), chance)
        count += 1
    for _ in range(count):
        seed, group, datagram = random_message(chance)
        print(seed.hex(), group.hex() if group else "-", datagram.hex())
    print("OK")


if __name__ == "__main__":
    main()
