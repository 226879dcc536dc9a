"""An asyncio client written like the architecture chapter's: aiohttp, json, hmac, orders by REST.

Usage: client.py PORT CA_FILE SECRET. Sends an IOC order on every book ticker until the exchange
hangs up. It is here to be measured, not to be used.
"""

import asyncio
import hashlib
import hmac
import ssl
import sys
import time

import aiohttp


class BinanceAPIClient:
    def __init__(self, session, base_url, api_key, api_secret):
        self.session = session
        self.base_url = base_url
        self.api_key = api_key
        self.api_secret = api_secret

    def _sign_request(self, params):
        params["timestamp"] = int(time.time() * 1000)
        query_string = "&".join([f"{k}={v}" for k, v in params.items()])
        signature = hmac.new(
            self.api_secret.encode("utf-8"), query_string.encode("utf-8"), hashlib.sha256
        ).hexdigest()
        params["signature"] = signature
        return params

    async def place_order(self, symbol, side, order_type, **kwargs):
        params = {"symbol": symbol, "side": side, "type": order_type, **kwargs}
        params = self._sign_request(params)
        headers = {"X-MBX-APIKEY": self.api_key}
        async with self.session.post(
            f"{self.base_url}/fapi/v1/order", params=params, headers=headers
        ) as response:
            return await response.json()


async def main(port, ca_file, secret):
    context = ssl.create_default_context(cafile=ca_file)
    connect = lambda: aiohttp.TCPConnector(ssl=context)
    async with (
        aiohttp.ClientSession(connector=connect()) as session,
        aiohttp.ClientSession(connector=connect()) as streams,
    ):
        client = BinanceAPIClient(session, f"https://127.0.0.1:{port}", "bench", secret)
        async with session.get(f"https://127.0.0.1:{port}/fapi/v1/ping") as response:
            await response.json()
        url = f"wss://127.0.0.1:{port}/public/stream?streams=btcusdt@bookTicker"
        async with streams.ws_connect(url) as ws:
            count = 0
            async for msg in ws:
                if msg.type != aiohttp.WSMsgType.TEXT:
                    break
                data = msg.json()
                if "@bookTicker" not in data.get("stream", ""):
                    continue
                ticker = data["data"]
                count += 1
                side = "BUY" if count % 2 == 0 else "SELL"
                price = float(ticker["a"] if side == "BUY" else ticker["b"])
                await client.place_order(
                    ticker["s"], side, "LIMIT", timeInForce="IOC", quantity="0.001",
                    price=f"{price:.2f}", newClientOrderId=f"py-{count}", recvWindow=5000,
                )


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
    except (aiohttp.ClientConnectorError, aiohttp.WSServerHandshakeError):
        raise
    except (aiohttp.ClientError, ConnectionError):
        pass  # The exchange hung up: the turn is over.
