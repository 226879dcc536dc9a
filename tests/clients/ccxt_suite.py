"""ccxt (REST and pro) trades on the venue, unmodified but for its URLs and the CA file.

    python ccxt_suite.py DIR        DIR is that of a running `shrike venue --dir DIR`
"""

import asyncio
import sys
import time
from decimal import Decimal

import ccxt
import ccxt.pro

from suite import Suite, Venue, equal, eventually, near, ordered

SYMBOL = "BTC/USDT:USDT"
OTHER = "ETH/USDT:USDT"
ID = "BTCUSDT"
# The venue's smallest BTCUSDT notional is 50 USDT.
QTY = 0.002

suite = Suite("ccxt")
check = suite.check


class State:
    """The client, the venue, and what the watchers have collected."""

    def __init__(self, directory):
        self.venue = Venue(directory)
        venue = self.venue
        self.client = ccxt.pro.binance(
            {
                "apiKey": venue.key,
                "secret": venue.secret,
                "cafile": venue.ca_file,
                "options": {
                    "defaultType": "swap",
                    "defaultSubType": "linear",
                    # The other products have no venue here.
                    "fetchMarkets": {"types": ["linear"]},
                    "fetchCurrencies": False,
                },
            }
        )
        api = self.client.urls["api"]
        for name in list(api):
            if isinstance(api[name], str):
                api[name] = f"{venue.rest}/no-such-product/{name}"
        for name, path in [("", "v1"), ("V2", "v2"), ("V3", "v3")]:
            api[f"fapiPublic{name}"] = f"{venue.rest}/fapi/{path}"
            api[f"fapiPrivate{name}"] = f"{venue.rest}/fapi/{path}"
        api["ws"]["linear"] = f"{venue.stream}/ws"
        api["ws"]["ws-api"]["linear"] = venue.order
        self.orders = []
        self.trades = []
        self.positions = []
        self.balances = []
        self.watchers = []
        # The suite may be run again on the same venue.
        self.fills_before = {fill["trade_id"] for fill in venue.ledger()["fills"]}

    def watch(self, method, into):
        """Collects what a watch method brings, until the client closes."""

        async def collect():
            while True:
                news = await method()
                into.extend(news if isinstance(news, list) else [news])

        self.watchers.append(asyncio.create_task(collect()))

    async def order_seen(self, order_id, status):
        """Waits until watch_orders has brought a state of an order."""

        async def probe():
            self.raise_if_dead()
            rows = [o for o in self.orders if o["id"] == order_id and o["status"] == status]
            return rows and rows[-1]

        return await eventually(probe, f"order {order_id} {status} on the user stream")

    def raise_if_dead(self):
        """A watcher that ended has raised."""
        for watcher in self.watchers:
            if watcher.done():
                watcher.result()

    async def away(self, side):
        """A price that rests: two per cent from the best."""
        book = await self.client.fetch_order_book(SYMBOL, 5)
        best = book["bids"][0][0] if side == "buy" else book["asks"][0][0]
        factor = 0.98 if side == "buy" else 1.02
        return float(self.client.price_to_precision(SYMBOL, best * factor))

    async def close(self):
        for watcher in self.watchers:
            watcher.cancel()
        await asyncio.gather(*self.watchers, return_exceptions=True)
        await self.client.close()


async def refused(code, call, kind=ccxt.ExchangeError):
    """Asserts that a call is refused with the venue's code, and an error of ccxt's kind.

    The kinds of some codes ccxt knows by the host name `fapi.` only, which is not here.
    """
    try:
        answer = await call
    except kind as error:
        assert f'"code":{code},' in str(error), f"not {code}: {error}"
        return
    raise AssertionError(f"not refused: {answer}")


@check
async def markets_have_the_venues_rules(s):
    markets = await s.client.load_markets()
    market = markets[SYMBOL]
    equal((market["id"], market["linear"], market["active"]), (ID, True, True))
    equal((market["precision"]["price"], market["precision"]["amount"]), (0.1, 0.001), "steps")
    equal(market["limits"]["cost"]["min"], 50.0, "smallest notional")
    equal((market["settle"], market["contractSize"]), ("USDT", 1.0))
    assert OTHER in markets


@check
async def the_clock_is_told(s):
    assert abs(await s.client.fetch_time() - time.time() * 1000) < 5_000


@check
async def public_rest_agrees_with_itself(s):
    book = await s.client.fetch_order_book(SYMBOL, 100)
    ordered(book["bids"], True)
    ordered(book["asks"], False)
    assert book["bids"][0][0] < book["asks"][0][0] and book["nonce"] > 0
    mid = (book["bids"][0][0] + book["asks"][0][0]) / 2
    ticker = await s.client.fetch_ticker(SYMBOL)
    near(ticker["last"], mid)
    near((await s.client.fetch_bids_asks([SYMBOL]))[SYMBOL]["bid"], mid)
    assert {SYMBOL, OTHER} <= set(await s.client.fetch_tickers())
    near((await s.client.fetch_last_prices([SYMBOL]))[SYMBOL]["price"], mid)
    near((await s.client.fetch_mark_price(SYMBOL))["markPrice"], mid)
    funding = await s.client.fetch_funding_rate(SYMBOL)
    near(funding["markPrice"], mid)
    assert funding["fundingTimestamp"] > time.time() * 1000
    equal((await s.client.fetch_open_interest(SYMBOL))["symbol"], SYMBOL)

    async def trades():
        return await s.client.fetch_trades(SYMBOL)

    trades = await eventually(trades, "public trades")
    # ccxt sorts trades of one millisecond by their ids as texts.
    keys = [(t["timestamp"], t["id"]) for t in trades]
    equal(keys, sorted(keys), "times of trades")
    ids = sorted(int(t["id"]) for t in trades)
    equal(ids, list(range(ids[0], ids[0] + len(ids))), "no id is missing")
    near(trades[-1]["price"], mid)
    candles = await s.client.fetch_ohlcv(SYMBOL, "1m")
    _, opened, high, low, closed, volume = candles[-1]
    assert low <= min(opened, closed) and high >= max(opened, closed) and volume > 0


@check
async def order_book_is_kept_from_the_stream(s):
    nonce = 0
    for _ in range(20):
        book = await s.client.watch_order_book(SYMBOL)
        ordered(book["bids"][:50], True)
        ordered(book["asks"][:50], False)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert book["nonce"] >= nonce
        nonce = book["nonce"]
    near(book["bids"][0][0], (await s.client.fetch_order_book(SYMBOL, 5))["bids"][0][0])

    # The same update id, the same book: what a wrong sequence on either side would break.
    async def same():
        asked, kept = await asyncio.gather(
            s.client.fetch_order_book(SYMBOL, 20), s.client.watch_order_book(SYMBOL)
        )
        for _ in range(20):
            if kept["nonce"] >= asked["nonce"]:
                break
            kept = await s.client.watch_order_book(SYMBOL)
        if kept["nonce"] != asked["nonce"]:
            return False
        equal([list(l[:2]) for l in kept["bids"][:20]], asked["bids"], "bids of one update id")
        equal([list(l[:2]) for l in kept["asks"][:20]], asked["asks"], "asks of one update id")
        return True

    await eventually(same, "a snapshot and a diff of one update id", 25)
    await s.client.un_watch_order_book(SYMBOL)


@check
async def public_streams_flow(s):
    mid = (await s.client.fetch_ticker(SYMBOL))["last"]
    seen = []
    while len(seen) < 10:
        seen += await s.client.watch_trades(SYMBOL)
    ids = [int(trade["id"]) for trade in seen]
    equal(len(set(ids)), len(ids), "a trade came twice")
    # The venue's stream also tells of ids without a trade (X: "NA"); ccxt passes them on.
    seen = [trade for trade in seen if trade["info"]["X"] == "MARKET"]
    for trade in seen:
        near(trade["price"], mid)
        assert trade["amount"] > 0 and trade["side"] in ("buy", "sell")
    ticker = await s.client.watch_ticker(SYMBOL)
    near(ticker["last"], mid)
    assert SYMBOL in await s.client.watch_tickers([SYMBOL, OTHER]) or OTHER in s.client.tickers
    for _ in range(5):
        best = await s.client.watch_bids_asks([SYMBOL])
        assert best[SYMBOL]["bid"] < best[SYMBOL]["ask"]
        near(best[SYMBOL]["bid"], mid)
    near((await s.client.watch_mark_price(SYMBOL))["markPrice"], mid)
    candle = (await s.client.watch_ohlcv(SYMBOL, "1m"))[-1]
    assert candle[3] <= candle[4] <= candle[2]


@check
async def account_begins_as_the_ledger_says(s):
    balance = await s.client.fetch_balance()
    equal(Decimal(str(balance["USDT"]["total"])), s.venue.wallet(), "wallet")
    equal(balance["USDT"]["free"], balance["USDT"]["total"], "nothing is bound")
    equal(await s.client.fetch_positions([SYMBOL]), [], "positions")
    fees = await s.client.fetch_trading_fee(SYMBOL)
    equal((fees["maker"], fees["taker"]), (0.0002, 0.0005), "fees")


@check
async def leverage_and_modes(s):
    answer = await s.client.set_leverage(10, SYMBOL)
    equal(int(answer["leverage"]), 10)
    equal((await s.client.fetch_leverage(SYMBOL))["longLeverage"], 10)
    equal((await s.client.fetch_leverages([SYMBOL]))[SYMBOL]["marginMode"], "cross")
    tiers = (await s.client.fetch_leverage_tiers([SYMBOL]))[SYMBOL]
    assert tiers[0]["maxLeverage"] >= 20 and tiers[0]["minNotional"] == 0
    # Already set, and ccxt knows the venue's words for it.
    same_mode = s.client.set_margin_mode("cross", SYMBOL)
    await refused(-4046, same_mode, ccxt.MarginModeAlreadySet)
    equal((await s.client.fetch_position_mode(SYMBOL))["hedged"], False)
    await refused(-4059, s.client.set_position_mode(False, SYMBOL))


@check
async def user_stream_is_watched(s):
    s.watch(s.client.watch_orders, s.orders)
    s.watch(s.client.watch_my_trades, s.trades)
    s.watch(s.client.watch_positions, s.positions)
    s.watch(s.client.watch_balance, s.balances)
    await asyncio.sleep(1.5)
    s.raise_if_dead()


@check
async def limit_order_by_rest_lives_and_dies(s):
    price = await s.away("buy")
    params = {"clientOrderId": "ccxt-rest-1", "timeInForce": "GTX"}
    placed = await s.client.create_order(SYMBOL, "limit", "buy", QTY, price, params)
    equal((placed["status"], placed["filled"], placed["price"]), ("open", 0.0, price))
    equal(placed["clientOrderId"], "ccxt-rest-1")
    order_id = placed["id"]
    await s.order_seen(order_id, "open")
    balance = await s.client.fetch_balance()
    used = Decimal(str(price)) * Decimal(str(QTY)) / 10
    near(balance["USDT"]["used"], used)
    fetched = await s.client.fetch_order(order_id, SYMBOL)
    equal((fetched["price"], fetched["amount"]), (price, QTY))
    equal([o["id"] for o in await s.client.fetch_open_orders(SYMBOL)], [order_id])
    moved = float(s.client.price_to_precision(SYMBOL, price - 10))
    edited = await s.client.edit_order(order_id, SYMBOL, "limit", "buy", QTY * 2, moved)
    equal((edited["id"], edited["price"], edited["amount"]), (order_id, moved, QTY * 2))
    canceled = await s.client.cancel_order(order_id, SYMBOL)
    equal((canceled["id"], canceled["status"]), (order_id, "canceled"))
    await s.order_seen(order_id, "canceled")
    equal(await s.client.fetch_open_orders(SYMBOL), [], "open orders")
    equal((await s.client.fetch_order(order_id, SYMBOL))["status"], "canceled")


@check
async def limit_order_by_websocket_lives_and_dies(s):
    price = await s.away("sell")
    placed = await s.client.create_order_ws(SYMBOL, "limit", "sell", QTY, price)
    equal((placed["status"], placed["price"]), ("open", price))
    order_id = placed["id"]
    await s.order_seen(order_id, "open")
    equal((await s.client.fetch_order_ws(order_id, SYMBOL))["id"], order_id)
    moved = float(s.client.price_to_precision(SYMBOL, price + 10))
    edited = await s.client.edit_order_ws(order_id, SYMBOL, "limit", "sell", QTY * 2, moved)
    equal((edited["price"], edited["amount"]), (moved, QTY * 2))
    canceled = await s.client.cancel_order_ws(order_id, SYMBOL)
    equal((canceled["id"], canceled["status"]), (order_id, "canceled"))
    await s.order_seen(order_id, "canceled")
    await refused(-2011, s.client.cancel_order_ws(order_id, SYMBOL), ccxt.OrderNotFound)


async def bought(s, order_id, qty):
    """What a market order did, by client, user stream and ledger."""
    order = await s.order_seen(order_id, "closed")
    equal(Decimal(str(order["filled"])), qty, "filled")
    fills = s.venue.fills(order_id)
    equal(sum(Decimal(fill["qty"]) for fill in fills), qty, "filled by the ledger")
    trades = [t for t in await s.client.fetch_my_trades(SYMBOL) if t["order"] == order_id]
    equal(
        [(t["id"], Decimal(str(t["price"])), Decimal(str(t["fee"]["cost"]))) for t in trades],
        [(str(f["trade_id"]), Decimal(f["price"]), Decimal(f["commission"])) for f in fills],
        "fills",
    )

    async def watched():
        return len([t for t in s.trades if t["order"] == order_id]) == len(fills)

    await eventually(watched, "fills by watch_my_trades")
    return fills


@check
async def market_order_by_rest_fills_within_the_book(s):
    before = s.venue.wallet()
    book = await s.client.fetch_order_book(SYMBOL, 20)
    placed = await s.client.create_order(
        SYMBOL, "market", "buy", QTY, None, {"newOrderRespType": "RESULT"}
    )
    equal(placed["status"], "closed")
    fills = await bought(s, placed["id"], Decimal(str(QTY)))
    for fill in fills:
        near(fill["price"], book["asks"][0][0])
        equal(fill["maker"], False)
    fee = sum(Decimal(fill["commission"]) for fill in fills)
    notional = sum(Decimal(fill["price"]) * Decimal(fill["qty"]) for fill in fills)
    equal(fee, (notional * Decimal("0.0005")).quantize(Decimal("1e-8")), "taker fee")
    equal(s.venue.wallet(), before - fee, "the wallet moves by the fee")
    balance = await s.client.fetch_balance()
    equal(Decimal(str(balance["info"]["totalWalletBalance"])), before - fee, "told to ccxt")


@check
async def market_order_by_websocket_fills(s):
    placed = await s.client.create_order_ws(SYMBOL, "market", "buy", QTY)
    await bought(s, placed["id"], Decimal(str(QTY)))


@check
async def positions_agree_with_the_ledger(s):
    held = Decimal(str(QTY)) * 2
    equal(s.venue.position(ID), held, "by the ledger")
    rows = await s.client.fetch_positions([SYMBOL])
    equal(
        [(row["side"], Decimal(str(row["contracts"]))) for row in rows],
        [("long", held)],
    )
    equal(Decimal(str((await s.client.fetch_positions_ws([SYMBOL]))[0]["contracts"])), held)
    risk = (await s.client.fetch_positions_risk([SYMBOL]))[0]
    entry = Decimal(s.venue.ledger()["positions"][0]["entry_price"])
    near(risk["entryPrice"], entry, Decimal("1e-8"))

    async def watched():
        rows = [p for p in s.positions if p["symbol"] == SYMBOL and p["contracts"]]
        return rows and Decimal(str(rows[-1]["contracts"])) == held

    await eventually(watched, "the position by watch_positions")

    async def told():
        wallet = float(s.venue.wallet())
        return s.balances and abs(s.balances[-1]["USDT"]["total"] - wallet) < 1e-8

    await eventually(told, "the wallet by watch_balance")
    told = (await s.client.fetch_balance_ws())["info"]["totalWalletBalance"]
    equal(Decimal(told), s.venue.wallet(), "the wallet by the WebSocket API")


@check
async def conditional_orders_wait_and_are_cancelled(s):
    last = (await s.client.fetch_ticker(SYMBOL))["last"]
    stop = float(s.client.price_to_precision(SYMBOL, last * 0.95))
    params = {"stopLossPrice": stop, "reduceOnly": True, "clientOrderId": "ccxt-stop-1"}
    placed = await s.client.create_order(SYMBOL, "market", "sell", QTY, None, params)
    equal((placed["status"], placed["triggerPrice"]), ("open", stop))
    algo_id = placed["id"]
    listed = await s.client.fetch_open_orders(SYMBOL, params={"trigger": True})
    equal([o["id"] for o in listed], [algo_id])
    equal(await s.client.fetch_open_orders(SYMBOL), [], "not among ordinary orders")
    fetched = await s.client.fetch_order(algo_id, SYMBOL, {"trigger": True})
    equal((fetched["id"], fetched["status"]), (algo_id, "open"))
    await s.client.cancel_order(algo_id, SYMBOL, {"trigger": True})
    equal(await s.client.fetch_open_orders(SYMBOL, params={"trigger": True}), [], "cancelled")
    for factor in (0.9, 0.91):
        price = float(s.client.price_to_precision(SYMBOL, last * factor))
        limit = {"triggerPrice": price}
        await s.client.create_order(SYMBOL, "limit", "sell", QTY, price, limit)
    await s.client.cancel_all_orders(SYMBOL, {"trigger": True})
    equal(await s.client.fetch_open_orders(SYMBOL, params={"trigger": True}), [], "all cancelled")
    trailing = {"trailingPercent": 5, "reduceOnly": True}
    placed = await s.client.create_order(SYMBOL, "market", "sell", QTY, None, trailing)
    await s.client.cancel_order(placed["id"], SYMBOL, {"trigger": True})
    error = {"stopLossPrice": float(s.client.price_to_precision(SYMBOL, last * 1.05))}
    await refused(-2021, s.client.create_order(SYMBOL, "market", "sell", QTY, None, error))


@check
async def a_conditional_order_triggers(s):
    before = s.venue.position(ID)

    async def placed():
        last = (await s.client.fetch_ticker(SYMBOL))["last"]
        near_by = float(s.client.price_to_precision(SYMBOL, last - 0.1))
        params = {"stopLossPrice": near_by, "reduceOnly": True}
        try:
            return await s.client.create_order(SYMBOL, "market", "sell", QTY, None, params)
        except ccxt.ExchangeError as error:
            assert '"code":-2021' in str(error), error
            return None

    order = await eventually(placed, "a stop that is not reached yet")

    async def finished():
        found = await s.client.fetch_order(order["id"], SYMBOL, {"trigger": True})
        return found["info"]["algoStatus"] == "FINISHED" and found

    done = await eventually(finished, "the trigger of a stop one tick away", 25)
    real = await s.client.fetch_order(done["info"]["actualOrderId"], SYMBOL)
    equal((real["status"], real["filled"], real["reduceOnly"]), ("closed", QTY, True))
    equal(real["clientOrderId"], order["clientOrderId"], "the real order carries the client's id")
    await s.order_seen(real["id"], "closed")
    equal(s.venue.position(ID), before - Decimal(str(QTY)), "position")


@check
async def batches_are_placed_and_cancelled(s):
    price = await s.away("buy")
    one = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": QTY, "price": price}
    placed = await s.client.create_orders([one, {**one, "amount": QTY * 2}])
    equal([order["status"] for order in placed], ["open", "open"])
    canceled = await s.client.cancel_orders([order["id"] for order in placed], SYMBOL)
    equal([order["status"] for order in canceled], ["canceled", "canceled"])
    await s.client.create_orders([one, one])
    await s.client.cancel_all_orders(SYMBOL)
    equal(await s.client.fetch_open_orders(SYMBOL), [], "open orders")


@check
async def refusals_become_the_right_errors(s):
    far = await s.away("buy")
    ask = (await s.client.fetch_order_book(SYMBOL, 5))["asks"][0][0]
    create = s.client.create_order
    post_only = {"timeInForce": "GTX"}
    taking = float(s.client.price_to_precision(SYMBOL, ask * 1.01))
    await refused(-5022, create(SYMBOL, "limit", "buy", QTY, taking, post_only))
    await refused(-4164, create(SYMBOL, "limit", "buy", 0.001, round(far / 2)))
    await refused(-2019, create(SYMBOL, "limit", "buy", 100, far))
    await refused(-2011, s.client.cancel_order("123", SYMBOL), ccxt.OrderNotFound)
    await refused(-2013, s.client.fetch_order("123", SYMBOL), ccxt.OrderNotFound)


@check
async def history_is_what_happened(s):
    ledger = s.venue.ledger()
    orders = await s.client.fetch_orders(SYMBOL)
    by_id = {str(order["order_id"]): order for order in ledger["orders"]}
    equal({order["id"] for order in orders}, set(by_id), "all orders")
    for order in orders:
        equal(Decimal(str(order["filled"])), Decimal(by_id[order["id"]]["executed_qty"]), "filled")
    trades = await s.client.fetch_my_trades(SYMBOL)
    equal({t["id"] for t in trades}, {str(f["trade_id"]) for f in ledger["fills"]}, "all fills")
    income = await s.client.fetch_ledger("USDT")
    amounts = sum(
        Decimal(str(row["amount"])) * (1 if row["direction"] == "in" else -1) for row in income
    )
    near(amounts, s.venue.wallet(), Decimal("1e-9"))


@check
async def the_position_is_closed_to_the_last_unit(s):
    left = s.venue.position(ID)
    assert left > 0
    params = {"reduceOnly": True}
    placed = await s.client.create_order(SYMBOL, "market", "sell", float(left), None, params)
    await bought(s, placed["id"], left)
    equal(s.venue.position(ID), 0)
    ledger = s.venue.ledger()
    fees = sum(Decimal(fill["commission"]) for fill in ledger["fills"])
    profit = sum(Decimal(fill["realized_pnl"]) for fill in ledger["fills"])
    put_in = [row for row in ledger["balance_changes"] if row["kind"] == "TRANSFER"]
    start = sum(Decimal(row["amount"]) for row in put_in)
    funding = [row for row in ledger["balance_changes"] if row["kind"] == "FUNDING_FEE"]
    start += sum(Decimal(row["amount"]) for row in funding)
    balance = await s.client.fetch_balance()
    wallet = Decimal(str(balance["info"]["totalWalletBalance"]))
    equal(wallet, start + profit - fees, "start + profit - fees")
    spent = s.client.create_order(SYMBOL, "market", "sell", QTY, None, params)
    await refused(-2022, spent)


@check
async def watchers_lived_to_the_end(s):
    s.raise_if_dead()
    fills = {fill["trade_id"] for fill in s.venue.ledger()["fills"]} - s.fills_before
    equal({int(trade["id"]) for trade in s.trades}, fills, "every fill came by watch_my_trades")


async def main(directory):
    state = State(directory)
    try:
        return await suite.run(state)
    finally:
        await state.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
