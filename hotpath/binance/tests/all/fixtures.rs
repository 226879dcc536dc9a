//! Frames written by hand in the shapes of the venue (PROTOCOL 2, 4, 5), so that the tests say
//! something where the recordings are absent.

use binance::SymbolTable;
use schema::SymbolName;

/// Symbols of every recording, in the order of their ids.
pub(crate) const SYMBOLS: [&str; 8] =
    ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"];

pub(crate) fn symbols() -> SymbolTable {
    let name = |text: &str| SymbolName::new(text.as_bytes()).expect("a short name");
    SymbolTable::new(&SYMBOLS.map(name))
}

/// Market messages; every kind, wrapped and raw, of our symbols and others.
pub(crate) const MARKET: &[&str] = &[
    r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7100000000001,"s":"BTCUSDT","ps":"BTCUSDT","b":"64000.10","B":"1.250","a":"64000.20","A":"0.003","T":1790000000101,"E":1790000000102,"st":1}}"#,
    r#"{"e":"bookTicker","u":7100000000002,"s":"ETHUSDT","b":"3100.01","B":"20","a":"3100.02","A":"0.5","T":1790000000103,"E":1790000000104}"#,
    r#"{"e":"trade","E":1790000000201,"T":1790000000200,"s":"BTCUSDT","t":9000000001,"p":"64000.20","q":"0.010","X":"MARKET","m":false,"st":1}"#,
    r#"{"stream":"ethusdt@trade","data":{"e":"trade","E":1790000000202,"T":1790000000201,"s":"ETHUSDT","t":9000000002,"p":"3100.01","q":"1.5","X":"MARKET","m":true}}"#,
    r#"{"e":"trade","E":1790000000203,"T":1790000000202,"s":"BTCUSDT","t":9000000003,"p":"0","q":"0","X":"NA","m":true,"st":1}"#,
    r#"{"e":"trade","E":1790000000204,"T":1790000000203,"s":"BTCUSDT","t":9000000004,"p":"61000.00","q":"2.000","X":"INSURANCE_FUND","m":true,"st":1}"#,
    r#"{"e":"trade","E":1790000000205,"s":"BTCUSDT","t":9000000005,"p":"64000.20","q":"0.010","T":1790000000204,"m":false}"#,
    r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1790000000301,"a":340000001,"s":"BTCUSDT","p":"64000.20","q":"0.500","nq":"0.400","f":9000000001,"l":9000000009,"T":1790000000300,"m":false,"st":1}}"#,
    r#"{"e":"aggTrade","E":1790000000302,"a":340000002,"s":"SOLUSDT","p":"151.20","q":"3","f":9000000010,"l":9000000010,"T":1790000000301,"m":true}"#,
    r#"{"stream":"btcusdt@depth20@100ms","data":{"e":"depthUpdate","E":1790000000401,"T":1790000000400,"s":"BTCUSDT","ps":"BTCUSDT","U":7100000000010,"u":7100000000020,"pu":7100000000009,"b":[["64000.10","1.250"],["64000.00","0.010"]],"a":[["64000.20","0.003"],["64000.30","4.000"]],"st":1}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1790000000402,"T":1790000000401,"s":"BTCUSDT","U":7100000000021,"u":7100000000030,"pu":7100000000020,"b":[["63999.90","0.000"]],"a":[]}}"#,
    r#"{"e":"depthUpdate","E":1790000000403,"T":1790000000402,"s":"ETHUSDT","U":1,"u":2,"pu":0,"b":[],"a":[["3100.02","7.25"]],"st":1}"#,
    r#"{"stream":"btcusdt@rpiDepth@500ms","data":{"e":"depthUpdate","E":1790000000404,"T":1790000000403,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1","1"]],"a":[]}}"#,
    r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1790000000500,"s":"BTCUSDT","p":"64000.15000000","ap":"64000.10000000","P":"64010.00000000","i":"64020.12345678","r":"-0.00001234","T":1790006400000,"st":1}}"#,
    r#"{"e":"markPriceUpdate","E":1790000000501,"s":"ETHUSDT","p":"3100.00000000","P":"3100.1","i":"3100.2","r":"","T":0}"#,
    r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1790000000601,"s":"BTCUSDT","k":{"t":1790000000000,"T":1790000059999,"s":"BTCUSDT","i":"1m","f":9000000001,"L":9000000099,"o":"63990.00","c":"64000.20","h":"64010.00","l":"63980.50","v":"12.345","n":99,"x":false,"q":"790000.12345678901","V":"6.1","Q":"990000000000.5","B":"0"}}}"#,
    r#"{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1790000000700,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.190","p":"63000.00","ap":"63500.123456789","X":"FILLED","l":"0.155","z":"0.190","T":1790000000699,"ps":"BTCUSDT","st":1}}}"#,
    r#"{"stream":"!forceOrder@arr","data":{"e":"forceOrder","E":1790000000701,"o":{"s":"BTCUSD_PERP","S":"BUY","o":"LIMIT","f":"IOC","q":"1","p":"63000.0","ap":"63500","X":"FILLED","l":"1","z":"1","T":1790000000700,"ps":"BTCUSD","st":2}}}"#,
    r#"{"stream":"!bookTicker","data":{"e":"bookTicker","u":5,"s":"BTCUSD_PERP","ps":"BTCUSD","b":"64000.1","B":"12","a":"64000.2","A":"99999999999999999999","T":1,"E":2,"st":2}}"#,
    r#"{"stream":"!bookTicker","data":{"e":"bookTicker","u":5,"s":"BTCUSDT","ps":"BTCUSD","b":"64000.1","B":"12","a":"64000.2","A":"9","T":1,"E":2,"st":2}}"#,
    r#"{"e":"24hrTicker","E":1790000000800,"s":"BTCUSDT","p":"-131.4","P":"-0.786"}"#,
    r#"{"stream":"!markPrice@arr@1s","data":[{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1","P":"1","i":"1","r":"0","T":0}]}"#,
    r#"{"result":null,"id":1}"#,
    r#"{"result":["btcusdt@markPrice@1s"],"id":3}"#,
    r#"{"result":true,"id":"17"}"#,
    r#"{"code":2,"msg":"Invalid request: unknown variant"}"#,
    r#"{"error":{"code":-1121,"msg":"Invalid symbol."},"id":12}"#,
    r#"{"id":"f7b0a9d2-aaaa-bbbb-cccc-000000000000","result":null,"error":null}"#,
    r#"{}"#,
    r#"[]"#,
    r#"{"e":"bookTicker","u":7100000000002,"extra":{"deep":[1,{"x":"}]\"","y":[[],{}]},null,true,-1.5e3]},"s":"ETHUSDT","b":3100.01,"B":20,"a":"3100.02","A":0.5,"T":"1790000000103","E":1790000000104}"#,
    r#"{ "e" : "trade" , "E" : 1790000000203 , "T":1790000000202, "s":"\u0042TCUSDT", "t":9000000003, "p":"64\u0030.5", "q":"2", "X":"\u004dARKET", "\u006d":true }"#,
];

/// Messages of the user-data stream.
pub(crate) const USER: &[&str] = &[
    r#"{"e":"TRADE_LITE","E":1790000001001,"T":1790000001000,"s":"BTCUSDT","q":"0.010","p":"64000.20","m":true,"c":"shrk6921a0b42000004d","S":"BUY","L":"64000.10","l":"0.004","t":9000000001,"i":8400000000000000001}"#,
    r#"{"e":"ORDER_TRADE_UPDATE","T":1790000001100,"E":1790000001102,"o":{"s":"BTCUSDT","c":"shrk6921a0b42000004d","S":"BUY","o":"LIMIT","f":"GTX","q":"0.010","p":"64000.10","ap":"0","sp":"0","x":"NEW","X":"NEW","i":8400000000000000001,"l":"0","z":"0","L":"0","n":"0","N":"USDT","T":1790000001100,"t":0,"b":"640.001","a":"0","m":false,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0","pP":false,"si":0,"ss":0,"V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"0"}}"#,
    r#"{"e":"ORDER_TRADE_UPDATE","T":1790000001200,"E":1790000001201,"o":{"s":"BTCUSDT","c":"shrk6921a0b42000004d","S":"BUY","o":"LIMIT","f":"IOC","q":"0.010","p":"64000.10","ap":"64000.10000","sp":"0","x":"TRADE","X":"PARTIALLY_FILLED","i":8400000000000000001,"l":"0.004","z":"0.004","L":"64000.10","n":"0.05120008","N":"USDT","T":1790000001200,"t":9000000001,"b":"0","a":"0","m":true,"R":true,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"rp":"-0.12500000","pP":false,"si":0,"ss":0,"V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"2"}}"#,
    r#"{"stream":"someListenKey","data":{"e":"ORDER_TRADE_UPDATE","T":1790000001300,"E":1790000001301,"o":{"s":"ETHUSDT","c":"web_AbC","S":"SELL","o":"MARKET","f":"GTC","q":"1","p":"0","ap":"3100.1","sp":"0","x":"TRADE","X":"FILLED","i":77,"l":"1","z":"1","L":"3100.1","n":"0.00045","N":"BNB","T":1790000001300,"t":5,"b":"0","a":"0","m":false,"R":false,"wt":"CONTRACT_PRICE","ot":"MARKET","ps":"BOTH","cp":false,"rp":"3.25","pP":false,"si":0,"ss":0}}}"#,
    r#"{"e":"ORDER_TRADE_UPDATE","T":1,"E":2,"o":{"s":"DOGEUSDT","c":"x","S":"SELL","o":"NEW_KIND","f":"GTC","q":"1"}}"#,
    r#"{"e":"ORDER_TRADE_UPDATE","T":1790000001400,"E":1790000001401,"o":{"s":"BTCUSDT","c":"shrk6921a0b42000004e","S":"SELL","o":"LIMIT","f":"GTC","q":"0.020","p":"64100.00","ap":"0","sp":"0","x":"AMENDMENT","X":"NEW","i":9,"M":"1","l":"0","z":"0","L":"0","T":1790000001400,"t":0,"m":false,"R":false}}"#,
    r#"{"e":"ACCOUNT_UPDATE","T":1790000001500,"E":1790000001501,"a":{"B":[{"a":"USDT","wb":"99.91739900","cw":"99.91739900","bc":"0"},{"a":"BNB","wb":"0.1234567891","cw":"0.1","bc":"0"}],"P":[{"s":"BTCUSDT","pa":"-0.010","ep":"64000.1234567891","cr":"26.8","up":"-0.03508665","mt":"cross","iw":"0","ps":"BOTH","ma":"USDT","bep":"64001.5"},{"s":"DOGEUSDT","pa":"5","ep":"0.1","up":"0","ps":"BOTH"},{"s":"ETHUSDT","pa":"5","ep":"0.1","up":"0","ps":"LONG"}],"m":"ORDER"}}"#,
    r#"{"e":"ACCOUNT_UPDATE","T":1790000001600,"E":1790000001601,"a":{"m":"FUNDING_FEE","S":"BTCUSDT","B":[{"a":"USDT","wb":"99.9","cw":"99.9","bc":"-0.01"}],"P":[]}}"#,
    r#"{"e":"ACCOUNT_UPDATE","T":1,"E":2,"a":{"B":[{"a":"A","wb":"1","cw":"1","bc":"0"},{"a":"B","wb":"1","cw":"1","bc":"0"},{"a":"C","wb":"1","cw":"1","bc":"0"},{"a":"D","wb":"1","cw":"1","bc":"0"},{"a":"USDT","wb":"7","cw":"7","bc":"0"}],"m":"DEPOSIT"}}"#,
    r#"{"e":"MARGIN_CALL","E":1790000001700,"cw":"3.16","p":[{"s":"ETHUSDT","ps":"LONG","pa":"1.327","mt":"CROSSED","iw":"0","mp":"187.17127","up":"-1.166074","mm":"1.614445"}]}"#,
    r#"{"e":"ACCOUNT_CONFIG_UPDATE","E":1790000001800,"T":1790000001800,"ac":{"s":"BTCUSDT","l":25}}"#,
    r#"{"e":"listenKeyExpired","E":"1790000001900","listenKey":"WsCMN0a4"}"#,
    r#"{"e":"listenKeyExpired","E":1790000001900}"#,
    r#"{"e":"ALGO_UPDATE","T":1790000002000,"E":1790000002001,"o":{"caid":"8121","aid":4000001910701524,"at":"CONDITIONAL","o":"STOP_MARKET","s":"BTCUSDT","S":"BUY","ps":"BOTH","f":"GTC","q":"5","X":"NEW","ai":"","tp":"1.1637","p":"0","V":"EXPIRE_MAKER","wt":"CONTRACT_PRICE","pm":"NONE","cp":false,"pP":false,"R":false,"tt":0,"gtd":0,"ia":false}}"#,
    r#"{"e":"ALGO_UPDATE","T":1790000002000,"E":1790000002001,"o":{"caid":"shrk6921a0b4f000004d","aid":7,"at":"CONDITIONAL","o":"STOP_MARKET","s":"BTCUSDT","S":"SELL","q":"0","X":"TRIGGERED","ai":"325078477","ap":"0","aq":"0.1","tp":"43187.0","cp":true,"R":true}}"#,
    r#"{"e":"ORDER_TRADE_UPDATE","T":1790000000002,"E":1790000000003,"o":{"s":"BTCUSDT","c":"autoclose-1790000000000","S":"SELL","o":"LIMIT","f":"IOC","q":"0.190","p":"82338.30","ap":"82651.90","sp":"0","x":"CALCULATED","X":"FILLED","i":77,"l":"0.19","z":"0.19","L":"82338.3","n":"0.1","N":"USDT","T":1790000000002,"t":9,"m":false,"R":false,"rp":"-5","er":"5"}}"#,
    r#"{"e":"STRATEGY_UPDATE","T":1,"E":2,"su":{"si":1}}"#,
    r#"{"result":null,"id":1}"#,
];

/// Answers of the WebSocket API.
pub(crate) const REPLIES: &[&str] = &[
    r#"{"id":"41","status":200,"result":{"orderId":325078477,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"shrk6921a0b42000004d","price":"64000.10","origQty":"0.010","executedQty":"0.000","cumQty":"0.000","timeInForce":"GTC","type":"LIMIT","reduceOnly":false,"closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0.00","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT","priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0,"updateTime":1790000000000},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300,"count":3},{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200,"count":7},{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400,"count":11}]}"#,
    r#"{"id":42,"status":400,"error":{"code":-5022,"msg":"Due to the order could not be executed as maker, the \"Post Only\" order will be rejected."},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300,"count":4},{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":300,"count":99}]}"#,
    r#"{"id":"43","status":418,"error":{"code":-1003,"msg":"Way too many requests","data":{"serverTime":1790000000000,"retryAfter":1790000120000}}}"#,
    r#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}"#,
    r#"{"id":"44","status":200,"result":{"apiKey":"k","authorizedSince":1790000000000,"connectedSince":1789999999000,"returnRateLimits":true,"serverTime":1790000000001}}"#,
    r#"{"id":"45","status":200,"result":{"avgPrice":"64000.1","clientOrderId":"abc","cumQuote":"640.001","executedQty":"0.010","orderId":8400000000000000001,"origQty":"0.010","price":"64000.1","status":"FILLED","symbol":"BTCUSDT"}}"#,
    r#"{"id":"46","status":200,"result":[],"rateLimits":[]}"#,
    r#"{"code":2,"msg":"Invalid request"}"#,
    r#"{"id":"not-a-number","status":503,"error":{"code":-1008,"msg":"Request throttled"}}"#,
];
