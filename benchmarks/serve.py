"""Load on `pawlab serve` beside `pawlab predict` on the same pictures: throughput, errors, memory, shutdown.

    python benchmarks/serve.py RUN PICTURES [--clients 64] [--seconds 30] [--rounds 3]

Each client sends one picture per request, one after the other, over a connection that it keeps. The two take turns
within one run, as a machine is never equally busy twice; predict's start-up isn't counted, the clients' own work is.
At the end the service gets SIGTERM while the clients go on: every request that it accepted must get a response.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from measuring import memory_mb

from pawlab.classifier import Classifier
from pawlab.parallel import cores

_MEMORY = {"peak_mb": "VmRSS", "anonymous_mb": "RssAnon"}


@dataclass
class Outcome:
    """`cut_off`: requests that were sent and not answered. `refused`: connections that couldn't be opened."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    refused: int = 0
    cut_off: int = 0


def main() -> None:
    arguments = _arguments()
    pictures = sorted(path for path in arguments.pictures.iterdir() if path.is_file())
    classifier = Classifier.load(arguments.run)
    process, port = start(arguments.run)
    try:
        report = measure(process, port, classifier, pictures, arguments)
    finally:
        process.terminate()
        process.wait(60)
    report["exit_code"] = process.returncode
    print(json.dumps(summary(report)) if arguments.line else json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--line", action="store_true", help="print the main figures alone, in one line")
    return parser.parse_args()


def start(run: Path) -> tuple["subprocess.Popen[str]", int]:
    """Start the service and return it with its port. Its log is read no further than the first line."""
    code = "from pawlab.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", str(run), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stderr is not None
    line = process.stderr.readline()
    port = int(line.rpartition(":")[2].partition("/")[0])
    drain = "import sys\nfor line in sys.stdin: pass"
    subprocess.Popen([sys.executable, "-c", drain], stdin=process.stderr)
    return process, port


def measure(
    process: "subprocess.Popen[str]", port: int, classifier: Classifier, pictures: list[Path], arguments: Any
) -> dict[str, Any]:
    seconds = arguments.seconds / arguments.rounds
    requests = [request(path.read_bytes()) for path in pictures]
    outcome, served, predicted = Outcome(), [], []
    memory: dict[str, list[float | None]] = {"VmRSS": [], "RssAnon": []}
    own_cpu, service_cpu = 0.0, 0.0
    for _ in range(arguments.rounds):
        begin = process_time()
        predicted.append(predict_for(seconds, classifier, pictures))
        own_cpu += process_time() - begin
        begin, before = cpu_seconds(process.pid), len(outcome.seconds)
        asyncio.run(load(port, requests, arguments.clients, seconds, outcome))
        served.append((len(outcome.seconds) - before) / seconds)
        service_cpu += cpu_seconds(process.pid) - begin
        for kind, values in memory.items():
            values.append(memory_mb(process.pid, kind))
    stopped = Outcome()
    asyncio.run(stop_under_load(process, port, requests, arguments.clients, stopped))
    latencies = sorted(outcome.seconds)
    return {
        "cores": cores(),
        "clients": arguments.clients,
        "predict_pictures_per_second": [round(value, 1) for value in predicted],
        "serve_pictures_per_second": [round(value, 1) for value in served],
        "ratio": round(sum(served) / len(served) / (sum(predicted) / len(predicted)), 3),
        "processor_ms_per_picture": {
            "predict": round(1000 * own_cpu / (sum(predicted) * seconds), 2),
            "serve": round(1000 * service_cpu / len(outcome.seconds), 2),
        },
        "statuses": outcome.statuses,
        "cut_off": outcome.cut_off,
        "refused": outcome.refused,
        "latency_ms": {share: round(1000 * latencies[int(share * len(latencies))]) for share in (0.5, 0.95, 0.99)},
        "megabytes_after_each_round": memory,
        "stop_under_load": {
            "statuses": stopped.statuses,
            "cut_off": stopped.cut_off,
            "connections_refused": stopped.refused,
        },
    }


def summary(report: dict[str, Any]) -> dict[str, float]:
    """Return the main figures by name; memory, the most of all rounds, is that of the service."""
    memory = report["megabytes_after_each_round"]
    peaks = {name: max(filter(None, memory[kind]), default=None) for name, kind in _MEMORY.items()}
    rates = report["serve_pictures_per_second"]
    return {
        "requests_per_second": round(sum(rates) / len(rates), 1),
        "rate_over_predict": report["ratio"],
        **{f"latency_ms_{round(100 * share)}%": value for share, value in report["latency_ms"].items()},
        **{f"{name}_cpu_ms_per_picture": value for name, value in report["processor_ms_per_picture"].items()},
        **{name: report[name] for name in ("cut_off", "refused")},
        "cut_off_at_the_stop": report["stop_under_load"]["cut_off"],
        **{name: round(value, 1) for name, value in peaks.items() if value is not None},
    }


def request(picture: bytes) -> bytes:
    head = (
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(picture)}\r\n\r\n"
    )
    return head.encode() + picture


def predict_for(seconds: float, classifier: Classifier, pictures: list[Path]) -> float:
    """Return how many pictures `predict` classifies per second."""
    begin = perf_counter()

    def until_time_is_up() -> Any:
        for path in cycle(pictures):
            if perf_counter() - begin > seconds:
                return
            yield path

    count = sum(1 for _ in classifier.predict_each(until_time_is_up()))
    return count / (perf_counter() - begin)


async def load(port: int, requests: list[bytes], clients: int, seconds: float, outcome: Outcome) -> None:
    end = perf_counter() + seconds
    await asyncio.gather(*(client(port, requests[number::clients], end, outcome) for number in range(clients)))


async def stop_under_load(
    process: "subprocess.Popen[str]", port: int, requests: list[bytes], clients: int, outcome: Outcome
) -> None:
    running = asyncio.create_task(load(port, requests, clients, 6, outcome))
    await asyncio.sleep(2)
    process.send_signal(signal.SIGTERM)
    await running


async def client(port: int, requests: list[bytes], end: float, outcome: Outcome) -> None:
    """Send one request after the other; connect anew where the connection was closed between two."""
    streams = None
    for content in cycle(requests):
        if perf_counter() > end:
            break
        try:
            streams = streams or await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            outcome.refused += 1
            await asyncio.sleep(0.1)
            continue
        begin = perf_counter()
        status, goes_on = await exchange(*streams, content)
        if status:
            outcome.seconds.append(perf_counter() - begin)
            outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        else:
            outcome.cut_off += 1
        if not goes_on:
            streams[1].close()
            streams = None
    if streams is not None:
        streams[1].close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> tuple[int, bool]:
    """Return the response's status, 0 where none came whole, and whether the connection may be used again."""
    try:
        writer.write(content)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError):
        return 0, False
    return int(head.split(b" ", 2)[1]), b"\nconnection: close" not in head.lower()


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process in seconds, nan on systems without /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
