"""The chief and its workers: an oracle behind gRPC, on keras-tuner's own protocol.

The protocol knows neither passwords nor encryption: whoever reaches the port can take
trials and report results. Messages are data; nothing that a peer sends is evaluated.
"""

import functools
import os
import sys
import time
from collections.abc import Callable
from concurrent import futures

import grpc
import keras_tuner
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from keras_tuner.src.distribute.oracle_client import OracleClient

from zoo.command import silence
from zoo.genotypes.base import check

IP, PORT = "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
TUNER_ID = "KERASTUNER_TUNER_ID"
LOOPBACK = "127.0.0.1"
POLL = 0.2  # Seconds.
SOON = 5.0  # Seconds.
# Else gRPC lets up to two minutes pass until it calls a chief that was away again.
CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


class Unreachable(ValueError):  # noqa: N818
    """The chief did not answer in time."""


def split_address(address: str) -> tuple[str, str]:
    """Host and port of an address.

    Raises:
        ValueError: It is not such as "192.0.2.7:8700".
    """
    host, _, port = address.rpartition(":")
    valid = host and port.isdecimal() and 0 < int(port) < 65536
    check(valid, "address", "a host and a port, such as 127.0.0.1:8700", address)
    return host, port


def set_role(address: str, tuner_id: str) -> None:
    """Makes this process a chief or a worker, as keras-tuner reads it."""
    host, port = split_address(address)
    os.environ.update({IP: host, PORT: port, TUNER_ID: tuner_id})


def serve(oracle: keras_tuner.Oracle) -> None:
    """Answers workers until the search is finished and all of them know it.

    The address is that of keras-tuner's environment variables.

    Raises:
        ValueError: The port is in use, or the address is not of this machine.
    """
    address = f"{os.environ[IP]}:{os.environ[PORT]}"
    # Else a second chief could share the port, and the workers with it.
    options = [("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(4), options=options)
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        with silence():  # gRPC writes on the screen, too.
            server.add_insecure_port(address)
    except RuntimeError:
        rule = "one of this machine, with a port that is free"
        raise ValueError(f"`address` must be {rule}. Got: {address!r}") from None
    server.start()
    try:
        while not (oracle.finished() and oracle.forsaken()):
            time.sleep(POLL)
            oracle.reap()
    finally:
        server.stop(grace=1).wait()


class RemoteOracle(OracleClient):
    """A worker's side of its chief.

    Args:
        oracle: The worker's own, which is not asked anything but its objective.
        patience: Seconds to wait for a chief that does not answer: it may start anew.
    """

    def __init__(self, oracle: keras_tuner.Oracle, patience: float = 600):
        super().__init__(oracle)
        address = f"{os.environ[IP]}:{os.environ[PORT]}"
        channel = grpc.insecure_channel(address, CHANNEL)
        stub = protos.get_service_grpc().OracleStub(channel)
        self.stub = _PatientStub(stub, address, patience)
        try:
            grpc.channel_ready_future(channel).result(timeout=SOON)
        except grpc.FutureTimeoutError:
            waiting = f"waiting for a chief at {address}, for {patience:g} s at most"
            print(waiting, file=sys.stderr, flush=True)

    def hurry(self) -> None:
        """Waits for the chief only shortly from now on, as this process ends."""
        self.stub.patience = SOON


class _PatientStub:
    """Repeats calls; the chief takes each as often as it comes."""

    def __init__(self, stub, address: str, patience: float):
        self._stub, self._address, self.patience = stub, address, patience

    def __getattr__(self, name: str) -> Callable:
        return functools.partial(self._ask, getattr(self._stub, name))

    def _ask(self, call: Callable, request, **_):
        end = time.monotonic() + self.patience
        while True:
            left = end - time.monotonic()
            try:
                return call(request, wait_for_ready=True, timeout=max(left, 0.1))
            except grpc.RpcError as error:
                # It went away with the call.
                retry = error.code() == grpc.StatusCode.UNAVAILABLE
                if not retry or left <= 0:
                    raise self._unreachable(error) from None
            time.sleep(POLL)

    def _unreachable(self, error: grpc.RpcError) -> Unreachable:
        rule = "of a chief that runs"
        waited = f"which did not answer for {self.patience:g} s"
        if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
            waited = f"which failed: {error.details()}"
        got = f"{self._address!r}, {waited}"
        return Unreachable(f"`address` must be {rule}. Got: {got}")
