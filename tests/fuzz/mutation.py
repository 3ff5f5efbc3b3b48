"""Changes to bytes and to JSON values, as damage and malice make them. All randomness is the given generator's."""

import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

INTERESTING = (0, 1, 2, 7, 8, 16, 32, 64, 100, 127, 128, 255, 256, 1024, 4096, 32767, 32768, 65535, 65536, 2**31 - 1)
_SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_PNG = b"\x89PNG\r\n\x1a\n"


def mutated(
    data: bytes, random: Random, others: Sequence[bytes], tokens: Sequence[bytes] = (), spare: int = 0
) -> bytes:
    """Return the bytes with one to eight changes, mostly few. `spare`: how many bytes of the head mostly stay."""
    changed = bytearray(data)
    first = spare if random.random() < 0.85 else 0
    for _ in range(min(8, 1 + int(random.expovariate(0.7)))):
        _change(changed, random, others, tokens, min(first, len(changed)))
    return bytes(changed)


def _change(data: bytearray, random: Random, others: Sequence[bytes], tokens: Sequence[bytes], first: int) -> None:
    """Change the bytes in place, from `first` on."""
    place = random.randint(first, len(data))
    length = min(len(data) - place, 1 + int(random.expovariate(0.1)))
    kind = random.randrange(9)
    if kind == 0 and place < len(data):
        data[place] ^= 1 << random.randrange(8)
    elif kind == 1 and place < len(data):
        data[place] = random.randrange(256)
    elif kind == 2:
        number = _number(random)
        data[place : place + len(number)] = number
    elif kind == 3:
        del data[place : place + length]
    elif kind == 4:
        data[place:place] = data[place : place + length] * random.choice((1, 1, 2, 50))
    elif kind == 5:
        data[place:place] = random.randbytes(length)
    elif kind == 6 and tokens:
        token = random.choice(tokens)
        data[place : place + random.choice((0, len(token)))] = token
    elif kind == 7:
        other = random.choice(others)
        start = random.randint(0, len(other))
        data[place : place + random.choice((0, length))] = other[start : start + random.randint(0, 200)]
    elif kind == 8 and random.random() < 0.3:
        del data[max(place, first) :]


def _number(random: Random) -> bytes:
    size = random.choice((1, 2, 4, 8))
    value = random.choice((*INTERESTING, 2**32 - 1, 2**63, 2**64 - 1)) & (2 ** (8 * size) - 1)
    return struct.pack(random.choice("<>") + _SIZES[size], value)


def with_sound_png_sums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums of what they hold now, so that readers look further."""
    if not data.startswith(_PNG):
        return data
    parts, place = [_PNG], len(_PNG)
    while place + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        body = data[place + 4 : place + 8 + size]
        if len(body) < 4 + size:
            break
        parts.append(data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + size
    return b"".join(parts) + data[place:]


def odd_value(random: Random) -> Any:
    """Return a value that few expect in JSON; some of them aren't JSON at all."""
    plain = (None, True, False, -1, 0, 1, 2.5, 1e308, 10**30, 2**63, "", "x", " ", "\0", "\ud800", "a\nb", "é", "NaN")
    nested: tuple[Any, ...] = (
        [],
        {},
        [1, [2, [3]]],
        {"a": {"b": None}},
        ["a", "a"],
        ["", "b"],
        [1, 2],
        ["c", "d", "e"],
    )
    rare = (float("nan"), float("inf"), float("-inf"), "A" * 2000, list(range(500)), ["x" * 300, "y"])
    return random.choice((*plain, *plain, *nested, *nested, *rare))


def changed_values(value: Any, random: Random) -> Any:
    """Return a JSON value with one thing in it changed: replaced, taken out, doubled or added."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        kind = random.randrange(6)
        if kind == 0:
            return {key: inner for key, inner in value.items() if key != name}
        if kind == 1:
            return {**value, random.choice(("extra", "", name.upper())): odd_value(random)}
        return {**value, name: changed_values(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.7:
        place = random.randrange(len(value))
        kind = random.randrange(4)
        if kind == 0:
            return value[:place] + value[place + 1 :]
        if kind == 1:
            return [*value, value[place]]
        return [*value[:place], changed_values(value[place], random), *value[place + 1 :]]
    if isinstance(value, str) and value and random.random() < 0.5:
        place = random.randint(0, len(value))
        return value[:place] + random.choice(("", "\0", "é", "=", "\n", "A")) + value[place + random.randrange(2) :]
    if type(value) in (int, float) and random.random() < 0.5:
        return random.choice((value + 1, -value, value * 1000, value / 3, value * 10.0**300))
    return odd_value(random)
