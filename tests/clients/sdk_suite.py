"""Binance's official SDK trades on the venue, unmodified but for its URLs and the CA file.

    python sdk_suite.py DIR         DIR is that of a running `shrike venue --dir DIR`

The SDK's models are generated from Binance's own specification. It warns when an answer or an event
does not have the types they declare; here every such warning is a failure of the venue.
"""

import asyncio
import logging
import sys
import time
from decimal import Decimal

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from binance_sdk_derivatives_trading_usds_futures.rest_api import models as rest
from binance_sdk_derivatives_trading_usds_futures.websocket_api import models as ws

from suite import Suite, Venue, equal, eventually, near, ordered

SYMBOL = "BTCUSDT"
# The venue's smallest BTCUSDT notional is 50 USDT.
QTY = Decimal("0.002")

suite = Suite("sdk")
check = suite.check


class Complaints(logging.Handler):
    """What the SDK logs of answers that are not as specified."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


class State:
    """The SDK's three clients, the venue, and the user stream's events."""

    def __init__(self, directory):
        self.venue = Venue(directory)
        venue = self.venue
        self.complaints = Complaints()
        logging.getLogger().addHandler(self.complaints)
        keys = {"api_key": venue.key, "api_secret": venue.secret}
        tls = venue.tls()
        self.client = DerivativesTradingUsdsFutures(
            config_rest_api=ConfigurationRestAPI(
                **keys, base_path=venue.rest, https_agent=tls, timeout=10_000
            ),
            config_ws_api=ConfigurationWebSocketAPI(
                **keys, stream_url=venue.order, https_agent=tls
            ),
            config_ws_streams=ConfigurationWebSocketStreams(
                stream_url=f"{venue.stream}/stream", https_agent=tls
            ),
        )
        self.rest = self.client.rest_api
        self.api = self.client.websocket_api
        self.streams = self.client.websocket_streams
        self.events = []

    async def ask(self, method, **params):
        """One REST call, off the loop's thread."""
        answer = await asyncio.to_thread(method, **params)
        return answer.data()

    async def ask_ws(self, method, **params):
        """One call of the WebSocket API; `rateLimits` must come with it."""
        answer = await method(**params)
        data = answer.data()
        assert answer.rate_limits, f"no rate limits: {data}"
        return getattr(data, "actual_instance", None) or data

    async def stream(self, opened, count):
        """The first messages of a stream."""
        seen = []
        opened.on("message", seen.append)

        async def enough():
            return len(seen) >= count

        await eventually(enough, "messages of a stream")
        await opened.unsubscribe()
        return seen

    async def event(self, name, wanted):
        """Waits for an event of the user stream."""

        async def probe():
            rows = [e for e in self.events if type(e).__name__ == name and wanted(e)]
            return rows and rows[0]

        return await eventually(probe, f"{name} on the user stream")

    async def best(self):
        """Best bid and ask."""
        row = await self.ask(self.rest.symbol_order_book_ticker, symbol=SYMBOL)
        row = getattr(row, "actual_instance", None) or row
        return Decimal(row.bid_price), Decimal(row.ask_price)

    async def away(self, side):
        """A price that rests: two per cent from the best, in whole units."""
        bid, ask = await self.best()
        return float(round(bid * Decimal("0.98") if side == "BUY" else ask * Decimal("1.02")))

    async def close(self):
        await self.api.close_connection(close_session=True)
        await self.streams.close_connection(close_session=True)


async def refused(code, call):
    """Asserts that a REST call is refused with the venue's code."""
    try:
        answer = await call
    except BadRequestError as error:
        equal(error.status_code, code, str(error))
        return
    raise AssertionError(f"not refused: {answer}")


async def refused_ws(s, code, call):
    """Asserts that a call of the WebSocket API is refused with the venue's code."""
    complaints = list(s.complaints.lines)
    equal((await call).data()["error"]["code"], code)
    # It logs a refusal as it logs a broken connection; this one was asked for.
    s.complaints.lines = complaints


def rows(answer):
    """The list in an answer that may be one row or many."""
    answer = getattr(answer, "actual_instance", answer)
    return answer if isinstance(answer, list) else [answer]


@check
async def public_rest_answers_as_specified(s):
    info = await s.ask(s.rest.exchange_information)
    symbol = next(row for row in info.symbols if row.symbol == SYMBOL)
    equal((symbol.status, symbol.contract_type), ("TRADING", "PERPETUAL"))
    assert "STOP_MARKET" in symbol.order_types
    await s.ask(s.rest.test_connectivity)
    clock = await s.ask(s.rest.check_server_time)
    assert abs(clock.server_time - time.time() * 1000) < 5_000
    book = await s.ask(s.rest.order_book, symbol=SYMBOL, limit=100)
    ordered(book.bids, True)
    ordered(book.asks, False)
    bid, ask = await s.best()
    assert bid < ask
    near(Decimal(book.bids[0][0]), bid)
    for method in (s.rest.symbol_price_ticker, s.rest.symbol_price_ticker_v2):
        near(rows(await s.ask(method, symbol=SYMBOL))[0].price, bid)
        assert len(rows(await s.ask(method))) >= 2
    assert len(rows(await s.ask(s.rest.symbol_order_book_ticker))) >= 2
    day = rows(await s.ask(s.rest.ticker24hr_price_change_statistics, symbol=SYMBOL))[0]
    near(day.last_price, bid)
    near(rows(await s.ask(s.rest.mark_price, symbol=SYMBOL))[0].mark_price, bid)
    trades = await s.ask(s.rest.recent_trades_list, symbol=SYMBOL, limit=50)
    equal([t.id for t in trades], sorted(t.id for t in trades), "trade ids")
    await s.ask(s.rest.compressed_aggregate_trades_list, symbol=SYMBOL)
    interval = rest.KlineCandlestickDataIntervalEnum["INTERVAL_1m"].value
    candles = await s.ask(s.rest.kline_candlestick_data, symbol=SYMBOL, interval=interval)
    equal(len(candles[-1]), 12, "members of a candle")
    await s.ask(s.rest.get_funding_rate_history, symbol=SYMBOL)
    await s.ask(s.rest.get_funding_rate_info)
    await s.ask(s.rest.open_interest, symbol=SYMBOL)
    await refused(-1121, s.ask(s.rest.order_book, symbol="NOPEUSDT"))


@check
async def market_streams_flow(s):
    await s.streams.create_connection()
    bid, _ = await s.best()
    opened = await s.streams.individual_symbol_book_ticker_streams(symbol=SYMBOL.lower())
    best = await s.stream(opened, 5)
    for row in best:
        assert Decimal(row.b) < Decimal(row.a)
        near(row.b, bid)
    equal([row.u for row in best], sorted(row.u for row in best), "update ids")
    diffs = await s.stream(
        await s.streams.diff_book_depth_streams(symbol=SYMBOL.lower(), update_speed="100ms"), 10
    )
    for before, after in zip(diffs, diffs[1:]):
        equal(after.pu, before.u, "diffs chain")
    partial = await s.stream(
        await s.streams.partial_book_depth_streams(
            symbol=SYMBOL.lower(), levels=20, update_speed="100ms"
        ),
        3,
    )
    ordered(partial[-1].b, True)
    ordered(partial[-1].a, False)
    trades = await s.stream(await s.streams.aggregate_trade_streams(symbol=SYMBOL.lower()), 5)
    equal([t.a for t in trades], sorted(t.a for t in trades), "aggregate ids")
    marks = await s.stream(await s.streams.mark_price_stream(symbol=SYMBOL.lower()), 1)
    near(marks[0].p, bid)
    for opened in (
        s.streams.kline_candlestick_streams(symbol=SYMBOL.lower(), interval="1m"),
        s.streams.individual_symbol_ticker_streams(symbol=SYMBOL.lower()),
        s.streams.individual_symbol_mini_ticker_stream(symbol=SYMBOL.lower()),
        s.streams.all_market_tickers_streams(),
        s.streams.all_market_mini_tickers_stream(),
        s.streams.mark_price_stream_for_all_market(update_speed="1s"),
        s.streams.all_book_tickers_stream(),
    ):
        assert await s.stream(await opened, 1)


@check
async def account_is_what_the_ledger_says(s):
    wallet = s.venue.wallet()
    for method in (s.rest.account_information_v2, s.rest.account_information_v3):
        equal(Decimal((await s.ask(method)).total_wallet_balance), wallet, "wallet")
    for method in (s.rest.futures_account_balance_v2, s.rest.futures_account_balance_v3):
        row = next(row for row in await s.ask(method) if row.asset == "USDT")
        equal(Decimal(row.balance), wallet, "balance")
    await s.ask(s.rest.position_information_v2, symbol=SYMBOL)
    equal(await s.ask(s.rest.position_information_v3, symbol=SYMBOL), [], "positions")
    config = await s.ask(s.rest.futures_account_configuration)
    equal((config.can_trade, config.dual_side_position), (True, False))
    equal((await s.ask(s.rest.get_current_position_mode)).dual_side_position, False)
    equal((await s.ask(s.rest.get_current_multi_assets_mode)).multi_assets_margin, False)
    changed = await s.ask(s.rest.change_initial_leverage, symbol=SYMBOL, leverage=10)
    equal(changed.leverage, 10)
    symbols = await s.ask(s.rest.symbol_configuration, symbol=SYMBOL)
    equal((symbols[0].leverage, symbols[0].margin_type), (10, "CROSSED"))
    await refused(-4028, s.ask(s.rest.change_initial_leverage, symbol=SYMBOL, leverage=126))
    crossed = rest.ChangeMarginTypeMarginTypeEnum["CROSSED"].value
    await refused(-4046, s.ask(s.rest.change_margin_type, symbol=SYMBOL, margin_type=crossed))
    await refused(-4059, s.ask(s.rest.change_position_mode, dual_side_position="false"))
    fees = await s.ask(s.rest.user_commission_rate, symbol=SYMBOL)
    equal(Decimal(fees.taker_commission_rate), Decimal("0.0005"))
    brackets = rows(await s.ask(s.rest.notional_and_leverage_brackets, symbol=SYMBOL))
    assert brackets[0].brackets[0].initial_leverage >= 20
    await s.ask(s.rest.query_user_rate_limit)
    await s.ask(s.rest.futures_trading_quantitative_rules_indicators)
    await s.ask(s.rest.position_adl_quantile_estimation)
    await s.ask(s.rest.users_force_orders)
    await s.ask(s.rest.get_bnb_burn_status)


@check
async def user_stream_is_opened(s):
    key = (await s.ask(s.rest.start_user_data_stream)).listen_key
    equal((await s.ask(s.rest.keepalive_user_data_stream)).listen_key or key, key)
    stream = await s.streams.user_data(key)

    def keep(event):
        s.events.append(getattr(event, "actual_instance", event))

    stream.on("message", keep)
    await s.api.create_connection()
    started = await s.ask_ws(s.api.start_user_data_stream)
    equal(started.result.listen_key, key, "one key an account")
    await s.ask_ws(s.api.keepalive_user_data_stream)


async def seen(s, order_id, state):
    """The order's state on the user stream."""
    found = await s.event("OrderTradeUpdate", lambda e: e.o.i == order_id and e.o.X == state)
    return found.o


@check
async def limit_order_by_rest_lives_and_dies(s):
    price = await s.away("BUY")
    placed = await s.ask(
        s.rest.new_order,
        symbol=SYMBOL,
        side=rest.NewOrderSideEnum["BUY"].value,
        type=rest.NewOrderTypeEnum["LIMIT"].value,
        time_in_force=rest.NewOrderTimeInForceEnum["GTX"].value,
        quantity=float(QTY),
        price=price,
        new_client_order_id="sdk-rest-1",
    )
    equal((placed.status, Decimal(placed.orig_qty)), ("NEW", QTY))
    key = {"symbol": SYMBOL, "order_id": placed.order_id}
    equal((await seen(s, placed.order_id, "NEW")).c, "sdk-rest-1")
    listed = await s.ask(s.rest.current_all_open_orders, symbol=SYMBOL)
    equal([row.order_id for row in listed], [placed.order_id])
    equal((await s.ask(s.rest.query_current_open_order, **key)).order_id, placed.order_id)
    moved = await s.ask(
        s.rest.modify_order, **key, side="BUY", quantity=float(QTY * 2), price=price - 10
    )
    equal((Decimal(moved.orig_qty), Decimal(moved.price)), (QTY * 2, Decimal(price - 10)))
    found = await s.ask(s.rest.query_order, **key)
    equal((found.status, Decimal(found.price)), ("NEW", Decimal(price - 10)))
    equal((await s.ask(s.rest.cancel_order, **key)).status, "CANCELED")
    await seen(s, placed.order_id, "CANCELED")
    await refused(-2011, s.ask(s.rest.cancel_order, **key))
    equal(await s.ask(s.rest.current_all_open_orders, symbol=SYMBOL), [], "open orders")


@check
async def limit_order_by_websocket_lives_and_dies(s):
    price = await s.away("SELL")
    placed = await s.ask_ws(
        s.api.new_order,
        symbol=SYMBOL,
        side=ws.NewOrderSideEnum["SELL"].value,
        type=ws.NewOrderTypeEnum["LIMIT"].value,
        time_in_force=ws.NewOrderTimeInForceEnum["GTC"].value,
        quantity=float(QTY),
        price=price,
        new_client_order_id="sdk-ws-1",
    )
    order_id = placed.result.order_id
    key = {"symbol": SYMBOL, "order_id": order_id}
    equal((placed.result.status, placed.result.client_order_id), ("NEW", "sdk-ws-1"))
    await seen(s, order_id, "NEW")
    moved = await s.ask_ws(
        s.api.modify_order, **key, side="SELL", quantity=float(QTY * 2), price=price + 10
    )
    equal(Decimal(moved.result.orig_qty), QTY * 2)
    equal((await s.ask_ws(s.api.query_order, **key)).result.status, "NEW")
    equal((await s.ask_ws(s.api.cancel_order, **key)).result.status, "CANCELED")
    await seen(s, order_id, "CANCELED")
    await refused_ws(s, -2011, s.api.cancel_order(**key))


async def filled(s, order_id):
    """What a filled order did, by user stream, REST and ledger."""
    update = await seen(s, order_id, "FILLED")
    fills = s.venue.fills(order_id)
    equal(Decimal(update.z), sum(Decimal(fill["qty"]) for fill in fills), "filled")
    lites = [e for e in s.events if type(e).__name__ == "TradeLite" and e.i == order_id]
    equal([e.t for e in lites], [fill["trade_id"] for fill in fills], "TRADE_LITE")
    trades = await s.ask(s.rest.account_trade_list, symbol=SYMBOL, order_id=order_id)
    equal(
        [(t.id, Decimal(t.price), Decimal(t.commission)) for t in trades],
        [(f["trade_id"], Decimal(f["price"]), Decimal(f["commission"])) for f in fills],
        "fills",
    )
    return fills


@check
async def market_orders_fill_within_the_book(s):
    before = s.venue.wallet()
    bid, ask = await s.best()
    placed = await s.ask(
        s.rest.new_order,
        symbol=SYMBOL,
        side="BUY",
        type="MARKET",
        quantity=float(QTY),
        new_order_resp_type="RESULT",
    )
    equal((placed.status, Decimal(placed.executed_qty)), ("FILLED", QTY))
    fills = await filled(s, placed.order_id)
    for fill in fills:
        near(fill["price"], ask)
    fee = sum(Decimal(fill["commission"]) for fill in fills)
    update = await s.event("AccountUpdate", lambda e: e.a.m == "ORDER")
    equal(Decimal(update.a.P[0].pa), Decimal(fills[0]["qty"]), "position told")
    equal(s.venue.wallet(), before - fee, "the wallet moves by the fee")
    status = await s.ask_ws(s.api.account_information_v2)
    equal(Decimal(status.result.total_wallet_balance), before - fee, "told by the WebSocket API")
    again = await s.ask_ws(
        s.api.new_order, symbol=SYMBOL, side="BUY", type="MARKET", quantity=float(QTY)
    )
    await filled(s, again.result.order_id)


@check
async def websocket_api_knows_account_and_market(s):
    held = s.venue.position(SYMBOL)
    equal(held, QTY * 2)
    positions = await s.ask_ws(s.api.position_information_v2, symbol=SYMBOL)
    equal(Decimal(positions.result[0].position_amt), held)
    await s.ask_ws(s.api.position_information, symbol=SYMBOL)
    await s.ask_ws(s.api.account_information)
    for method in (s.api.futures_account_balance, s.api.futures_account_balance_v2):
        row = next(r for r in (await s.ask_ws(method)).result if r.asset == "USDT")
        equal(Decimal(row.balance), s.venue.wallet(), "balance")
    bid, ask = await s.best()
    # The SDK's model of this answer has no levels.
    book = (await s.ask_ws(s.api.order_book, symbol=SYMBOL, limit=20)).result
    assert book.last_update_id > 0 and abs(book.E - time.time() * 1000) < 5_000
    best = rows((await s.ask_ws(s.api.symbol_order_book_ticker, symbol=SYMBOL)).result)[0]
    near(best.bid_price, bid)
    near(rows((await s.ask_ws(s.api.symbol_price_ticker, symbol=SYMBOL)).result)[0].price, bid)
    risk = await s.ask(s.rest.position_information_v3, symbol=SYMBOL)
    equal(Decimal(risk[0].position_amt), held)


@check
async def ed25519_keys_sign(s):
    keys = {"api_key": s.venue.key, "private_key": s.venue.ed25519_pem}
    tls = s.venue.tls()
    client = DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=s.venue.rest, https_agent=tls),
        config_ws_api=ConfigurationWebSocketAPI(
            **keys, stream_url=s.venue.order, https_agent=tls
        ),
    )
    account = await s.ask(client.rest_api.account_information_v3)
    equal(Decimal(account.total_wallet_balance), s.venue.wallet())
    await client.websocket_api.create_connection()
    try:
        placed = await s.ask_ws(
            client.websocket_api.new_order,
            symbol=SYMBOL,
            side="BUY",
            type="LIMIT",
            time_in_force="GTX",
            quantity=float(QTY),
            price=await s.away("BUY"),
        )
        key = {"symbol": SYMBOL, "order_id": placed.result.order_id}
        ended = await s.ask_ws(client.websocket_api.cancel_order, **key)
        equal(ended.result.status, "CANCELED")
    finally:
        await client.websocket_api.close_connection(close_session=True)


@check
async def conditional_orders_wait_and_are_cancelled(s):
    bid, _ = await s.best()
    stop = {
        "algo_type": "CONDITIONAL",
        "symbol": SYMBOL,
        "side": "SELL",
        "type": "STOP_MARKET",
        "quantity": float(QTY),
        "reduce_only": "true",
    }
    below = float(round(bid * Decimal("0.95")))
    placed = await s.ask(
        s.rest.new_algo_order, **stop, trigger_price=below, client_algo_id="sdk-stop-1"
    )
    equal((placed.algo_status, Decimal(placed.trigger_price)), ("NEW", Decimal(below)))
    told = await s.event("AlgoUpdate", lambda e: e.o.aid == placed.algo_id)
    equal((told.o.X, told.o.caid, told.o.ai), ("NEW", "sdk-stop-1", ""))
    listed = await s.ask(s.rest.current_all_algo_open_orders, symbol=SYMBOL)
    equal([row.algo_id for row in rows(listed)], [placed.algo_id])
    equal((await s.ask(s.rest.query_algo_order, algo_id=placed.algo_id)).actual_order_id, "")
    canceled = await s.ask(s.rest.cancel_algo_order, client_algo_id="sdk-stop-1")
    equal((canceled.algo_id, canceled.code), (placed.algo_id, "200"))
    await s.event("AlgoUpdate", lambda e: e.o.aid == placed.algo_id and e.o.X == "CANCELED")
    await refused(-2011, s.ask(s.rest.cancel_algo_order, algo_id=placed.algo_id))
    by_ws = (await s.ask_ws(s.api.new_algo_order, **stop, trigger_price=below)).result
    ended = (await s.ask_ws(s.api.cancel_algo_order, algo_id=by_ws.algo_id)).result
    equal(ended.algo_id, by_ws.algo_id)
    trailing = {**stop, "type": "TRAILING_STOP_MARKET", "callback_rate": 5.0}
    await s.ask(s.rest.new_algo_order, **trailing)
    closing = {name: stop[name] for name in ("algo_type", "symbol", "side", "type")}
    closing["close_position"] = "true"
    await s.ask(s.rest.new_algo_order, **closing, trigger_price=below)
    await refused(-4130, s.ask(s.rest.new_algo_order, **closing, trigger_price=below - 10))
    await s.ask(s.rest.cancel_all_algo_open_orders, symbol=SYMBOL)
    equal(await s.ask(s.rest.current_all_algo_open_orders, symbol=SYMBOL), [], "all cancelled")
    above = float(round(bid * Decimal("1.05")))
    await refused(-2021, s.ask(s.rest.new_algo_order, **stop, trigger_price=above))
    history = rows(await s.ask(s.rest.query_all_algo_orders, symbol=SYMBOL))
    assert len(history) >= 4


@check
async def a_conditional_order_triggers(s):
    before = s.venue.position(SYMBOL)

    async def placed():
        last = Decimal(rows(await s.ask(s.rest.symbol_price_ticker, symbol=SYMBOL))[0].price)
        try:
            return await s.ask(
                s.rest.new_algo_order,
                algo_type="CONDITIONAL",
                symbol=SYMBOL,
                side="SELL",
                type="STOP_MARKET",
                quantity=float(QTY),
                trigger_price=float(last - Decimal("0.1")),
                client_algo_id=f"sdk-near-{time.time_ns() % 10**9}",
            )
        except BadRequestError as error:
            equal(error.status_code, -2021)
            return None

    order = await eventually(placed, "a stop that is not reached yet")

    def of(state):
        return lambda e: e.o.aid == order.algo_id and e.o.X == state

    done = await eventually(lambda: s.event("AlgoUpdate", of("FINISHED")), "its trigger", 25)
    updates = [e.o for e in s.events if type(e).__name__ == "AlgoUpdate"]
    states = [update.X for update in updates if update.aid == order.algo_id]
    equal(states, ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"])
    equal((done.o.act, Decimal(done.o.aq)), ("MARKET", QTY))
    real = await s.ask(s.rest.query_order, symbol=SYMBOL, order_id=int(done.o.ai))
    equal((real.status, real.client_order_id), ("FILLED", order.client_algo_id))
    await filled(s, int(done.o.ai))
    equal(s.venue.position(SYMBOL), before - QTY, "position")


@check
async def batches_and_cancel_all(s):
    price = await s.away("BUY")
    one = rest.PlaceMultipleOrdersBatchOrdersParameterInner(
        symbol=SYMBOL,
        side="BUY",
        type="LIMIT",
        time_in_force="GTC",
        quantity=float(QTY),
        price=price,
    )
    placed = rows(await s.ask(s.rest.place_multiple_orders, batch_orders=[one, one]))
    equal([row.status for row in placed], ["NEW", "NEW"])
    ids = [row.order_id for row in placed]
    ended = rows(await s.ask(s.rest.cancel_multiple_orders, symbol=SYMBOL, order_id_list=ids))
    equal([row.status for row in ended], ["CANCELED", "CANCELED"])
    await s.ask(s.rest.place_multiple_orders, batch_orders=[one])
    await s.ask(s.rest.auto_cancel_all_open_orders, symbol=SYMBOL, countdown_time=60_000)
    equal((await s.ask(s.rest.cancel_all_open_orders, symbol=SYMBOL)).code, 200)
    await s.ask(s.rest.auto_cancel_all_open_orders, symbol=SYMBOL, countdown_time=0)
    equal(await s.ask(s.rest.current_all_open_orders, symbol=SYMBOL), [], "open orders")


@check
async def the_position_is_closed_to_the_last_unit(s):
    left = s.venue.position(SYMBOL)
    assert left > 0
    closing = {"symbol": SYMBOL, "side": "SELL", "type": "MARKET", "reduce_only": "true"}
    placed = await s.ask(s.rest.new_order, **closing, quantity=float(left))
    await filled(s, placed.order_id)
    equal(s.venue.position(SYMBOL), 0)
    await refused(-2022, s.ask(s.rest.new_order, **closing, quantity=float(QTY)))
    ledger = s.venue.ledger()
    orders = await s.ask(s.rest.all_orders, symbol=SYMBOL)
    equal({row.order_id for row in orders}, {row["order_id"] for row in ledger["orders"]})
    income = await s.ask(s.rest.get_income_history, limit=1000)
    equal(sum(Decimal(row.income) for row in income), s.venue.wallet(), "income and wallet")


@check
async def every_answer_was_as_specified(s):
    equal(s.complaints.lines, [], "the SDK complains")


async def main(directory):
    state = State(directory)
    try:
        return await suite.run(state)
    finally:
        await state.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
