//! Stream connections: what a path asks for, and the control messages on them (PROTOCOL 1 and 2.9).

use serde_json::Value;

use crate::{
    core::Core,
    hub::{ConnectionId, Outlet, Tag},
    params::{Params, decode},
    topic::Route,
    wire::json::Json,
};

/// What a WebSocket path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/ws-fapi/v1`
    Api {
        /// Whether answers carry `rateLimits`.
        limits_shown: bool,
    },
    /// A stream path.
    Streams(Opening),
}

/// What a stream connection starts with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Route; paths without one are public.
    pub(crate) route: Route,
    /// Whether frames are wrapped (`/stream`).
    pub(crate) combined: bool,
    /// Streams, or listen keys on the private route, with the events allowed.
    pub(crate) names: Vec<(String, Option<Vec<String>>)>,
}

/// Where a path leads; `None` for a path the venue does not have.
pub(crate) fn target(path: &str, query: &str) -> Option<Target> {
    let params = Params::from_http(query, "");
    if path == "/ws-fapi/v1" {
        let limits_shown = params.get("returnRateLimits") != Some("false");
        return Some(Target::Api { limits_shown });
    }
    let (route, rest) = match path {
        _ if path.starts_with("/public/") => (Route::Public, &path["/public".len()..]),
        _ if path.starts_with("/market/") => (Route::Market, &path["/market".len()..]),
        _ if path.starts_with("/private/") => (Route::Private, &path["/private".len()..]),
        _ => (Route::Public, path),
    };
    let (mode, tail) = rest.strip_prefix('/')?.split_once('/').unwrap_or((&rest[1..], ""));
    let combined = match mode {
        "ws" => false,
        "stream" => true,
        _ => return None,
    };
    let listed = params.all("streams").flat_map(|list| list.split('/'));
    let names = tail.split('/').map(decode).chain(listed.map(str::to_owned));
    let mut names: Vec<_> =
        names.filter(|name| !name.is_empty()).map(|name| (name, None)).collect();
    if route == Route::Private {
        // `listenKey=a&events=X/Y&listenKey=b`: events belong to the key before them.
        for (key, value) in params.pairs() {
            match (key.as_str(), names.last_mut()) {
                ("listenKey", _) => names.push((value.clone(), None)),
                ("events", Some((_, events))) => {
                    *events = Some(value.split('/').map(str::to_owned).collect());
                }
                _ => {}
            }
        }
    }
    Some(Target::Streams(Opening { route, combined, names }))
}

/// Takes a stream connection in, with what its path asked for.
pub(crate) fn open(core: &mut Core, outlet: Outlet, opening: Opening) -> ConnectionId {
    let id = core.hub.connect(outlet, opening.route, opening.combined);
    for (name, events) in opening.names {
        subscribe(core, id, opening.route, &name, events);
    }
    id
}

/// Subscribes to a stream or listen key.
pub(crate) fn subscribe(
    core: &mut Core,
    id: ConnectionId,
    route: Route,
    name: &str,
    events: Option<Vec<String>>,
) {
    if core.hub.names(id).iter().any(|known| known == name) {
        return;
    }
    core.hub.subscribe(id, name);
    if route == Route::Private {
        core.users.subscribe(id, name, events);
    }
}

/// Handles a control message and queues its answer, in order with the data.
pub(crate) fn control(core: &mut Core, id: ConnectionId, route: Route, text: &str) {
    let frame = match serde_json::from_str::<Value>(text) {
        Ok(request) => {
            let number = match &request["id"] {
                number @ (Value::Number(_) | Value::String(_)) => number.to_string(),
                _ => "null".to_owned(),
            };
            match answer(core, id, route, &request) {
                Ok(result) => format!("{{\"result\":{result},\"id\":{number}}}"),
                Err(msg) => error(&msg, &number),
            }
        }
        Err(fault) => error(&format!("Invalid JSON: {fault}"), "null"),
    };
    core.hub.send(id, frame.into(), &Tag::default());
}

fn error(msg: &str, number: &str) -> String {
    let mut json = Json::new();
    json.open().key("error").open().number("code", 2).text("msg", msg).close();
    json.key("id").raw(number).close();
    json.finish()
}

fn answer(
    core: &mut Core,
    id: ConnectionId,
    route: Route,
    request: &Value,
) -> Result<String, String> {
    let names = || -> Result<Vec<&str>, String> {
        let list = request["params"].as_array();
        let list = list.ok_or("Invalid request: params must be an array of strings")?;
        list.iter()
            .map(|name| name.as_str().ok_or_else(|| "Invalid request: not a string".to_owned()))
            .collect()
    };
    match request["method"].as_str() {
        Some("SUBSCRIBE") => {
            for name in names()? {
                subscribe(core, id, route, name, None);
            }
            Ok("null".to_owned())
        }
        Some("UNSUBSCRIBE") => {
            for name in names()? {
                core.hub.unsubscribe(id, name);
                core.users.unsubscribe(id, name);
            }
            Ok("null".to_owned())
        }
        Some("LIST_SUBSCRIPTIONS") => {
            let mut json = Json::new();
            json.open_list();
            for name in core.hub.names(id) {
                json.text_value(name);
            }
            json.close_list();
            Ok(json.finish())
        }
        Some(method @ ("SET_PROPERTY" | "GET_PROPERTY")) => {
            let list = request["params"].as_array().map_or(&[][..], Vec::as_slice);
            let combined = core.hub.combined(id).ok_or("the connection is closing")?;
            match (method, list) {
                ("GET_PROPERTY", [Value::String(name)]) if name == "combined" => {
                    Ok(combined.to_string())
                }
                ("SET_PROPERTY", [Value::String(name), Value::Bool(value)])
                    if name == "combined" =>
                {
                    *combined = *value;
                    Ok("null".to_owned())
                }
                _ => Err("Invalid request: unknown property or value".to_owned()),
            }
        }
        Some(other) => Err(format!("Invalid request: unknown method {other}")),
        None => Err("Invalid request: missing field method".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, route: Route, combined: bool, names: &[(&str, Option<&[&str]>)]) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let names =
            names.iter().map(|(name, events)| ((*name).to_owned(), events.map(owned))).collect();
        let expected = Target::Streams(Opening { route, combined, names });
        assert_eq!(target(path, query), Some(expected), "{url}");
    }

    #[test]
    fn paths_of_market_streams() {
        check("/public/ws", Route::Public, false, &[]);
        check("/market/ws/a@x/b@y", Route::Market, false, &[("a@x", None), ("b@y", None)]);
        check("/public/stream?streams=a/b", Route::Public, true, &[("a", None), ("b", None)]);
        check("/ws/a", Route::Public, false, &[("a", None)]);
        check("/stream", Route::Public, true, &[]);
        check("/public/ws/1", Route::Public, false, &[("1", None)]);
    }

    #[test]
    fn the_forms_of_private_paths() {
        check("/private/ws/KEY", Route::Private, false, &[("KEY", None)]);
        check("/private/ws?listenKey=KEY", Route::Private, false, &[("KEY", None)]);
        let events: &[&str] = &["A", "B"];
        let names = [("K1", Some(events)), ("K2", None)];
        let url = "/private/stream?listenKey=K1&events=A/B&listenKey=K2";
        check(url, Route::Private, true, &names);
        check("/private/stream", Route::Private, true, &[]);
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in ["/", "/public", "/public/", "/wsx", "/private/api", "/ws-fapi/v2", "/fapi"] {
            assert_eq!(target(path, ""), None, "{path}");
        }
        let quiet = Target::Api { limits_shown: false };
        assert_eq!(target("/ws-fapi/v1", "returnRateLimits=false"), Some(quiet));
    }
}
