"""What both suites share: the venue's addresses and keys, its ledger, and a runner of checks.

A suite is a list of checks that run in order on one account. It ends with exit code 0 only if every
check passed and at least one ran. Each check has a time of its own: a client that waits for ever is
a failure like any other.
"""

import asyncio
import json
import pathlib
import ssl
import sys
import time
import traceback
import urllib.request
from decimal import Decimal

# Longest time of one check, in seconds: generous, it only keeps a broken one from lasting.
CHECK_SECONDS = 30


class Venue:
    """A running `shrike venue --dir DIR`."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        urls = json.loads((self.dir / "urls.json").read_text())
        self.rest = urls["rest_url"]
        self.stream = urls["stream_url"]
        self.order = urls["order_url"]
        self.admin = urls["plain_rest_url"]
        self.ca_file = str(self.dir / "ca.pem")
        self.key = (self.dir / "api_key").read_text()
        self.secret = (self.dir / "api_secret").read_text()
        self.ed25519_pem = (self.dir / "ed25519.pem").read_text()

    def tls(self):
        """A context that trusts the venue's authority and nothing else."""
        return ssl.create_default_context(cafile=self.ca_file)

    def ledger(self):
        """The venue's own exact record of the account."""
        with urllib.request.urlopen(f"{self.admin}/shrike/ledger", timeout=10) as answer:
            return json.load(answer)

    def wallet(self):
        """The wallet by the ledger: what was put in, plus every change."""
        return sum(Decimal(row["amount"]) for row in self.ledger()["balance_changes"])

    def fills(self, order_id):
        """Fills of one order by the ledger."""
        return [row for row in self.ledger()["fills"] if row["order_id"] == int(order_id)]

    def position(self, symbol):
        """Signed quantity by the ledger."""
        rows = [row for row in self.ledger()["positions"] if row["symbol"] == symbol]
        return sum(Decimal(row["qty"]) for row in rows)


class Suite:
    """Checks in the order they were written."""

    def __init__(self, name):
        self.name = name
        self.checks = []

    def check(self, function):
        """Registers one check: an async function of the suite's state."""
        self.checks.append(function)
        return function

    async def run(self, state):
        """Runs all checks and returns the exit code."""
        failed = 0
        begun = time.monotonic()
        for check in self.checks:
            name = check.__name__
            try:
                await asyncio.wait_for(check(state), CHECK_SECONDS)
                print(f"ok    {self.name} {name}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL  {self.name} {name}", flush=True)
                traceback.print_exc(file=sys.stdout)
        seconds = time.monotonic() - begun
        count = len(self.checks)
        print(f"{self.name}: {count} checks, {failed} failed, {seconds:.1f} s", flush=True)
        if not self.checks:
            print(f"{self.name}: no check ran")
            return 1
        return 1 if failed else 0


def equal(left, right, what=""):
    """Asserts that two values are equal, and shows both."""
    assert left == right, f"{what}: {left!r} != {right!r}"


def near(price, other, share=Decimal("0.01")):
    """Asserts that two prices are within a share of each other."""
    price, other = Decimal(str(price)), Decimal(str(other))
    assert abs(price - other) <= other * share, f"{price} is not near {other}"


def ordered(levels, descending):
    """Asserts a side of a book: prices in order, no empty level."""
    prices = [Decimal(str(level[0])) for level in levels]
    assert prices, "no levels"
    equal(prices, sorted(set(prices), reverse=descending), "order of levels")
    assert all(Decimal(str(level[1])) > 0 for level in levels), "an empty level"


async def eventually(probe, what, seconds=15):
    """Waits until an async probe returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)
