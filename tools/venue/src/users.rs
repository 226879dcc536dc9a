//! Listen keys and the user streams that hang on them (PROTOCOL 1.4 and 5).

use std::collections::BTreeMap;

use backtest::AccountEvent;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    credentials::random_text,
    hub::{ConnectionId, Hub, Tag},
    refusal::Refusal,
    wire::{Format, user},
};

/// Length of a listen key in characters.
const LISTEN_KEY_CHARS: usize = 64;

/// Listen keys of all accounts and who listens to them.
pub(crate) struct Users {
    keys: BTreeMap<String, ListenKey>,
    subscriptions: Vec<Subscription>,
    random: StdRng,
    lifetime_ms: i64,
}

struct ListenKey {
    account: usize,
    expires_ms: i64,
}

struct Subscription {
    connection: ConnectionId,
    key: String,
    /// Allowed events; `None` allows all.
    events: Option<Vec<String>>,
}

impl Users {
    /// No keys; new ones come from `seed` and live `lifetime_ms` without refresh.
    pub(crate) fn new(seed: u64, lifetime_ms: i64) -> Self {
        Self {
            keys: BTreeMap::new(),
            subscriptions: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            lifetime_ms,
        }
    }

    /// The account's key, made or extended.
    pub(crate) fn start(&mut self, account: usize, now_ms: i64) -> String {
        let expires_ms = now_ms + self.lifetime_ms;
        if let Some((text, key)) = self.keys.iter_mut().find(|(_, key)| key.account == account) {
            key.expires_ms = expires_ms;
            return text.clone();
        }
        let text = random_text(&mut self.random, LISTEN_KEY_CHARS);
        self.keys.insert(text.clone(), ListenKey { account, expires_ms });
        text
    }

    /// Extends the account's key.
    pub(crate) fn refresh(&mut self, account: usize, now_ms: i64) -> Result<String, Refusal> {
        let lifetime_ms = self.lifetime_ms;
        let key = self.keys.iter_mut().find(|(_, key)| key.account == account);
        let (text, key) =
            key.ok_or_else(|| Refusal::bad(-1125, "This listenKey does not exist."))?;
        key.expires_ms = now_ms + lifetime_ms;
        Ok(text.clone())
    }

    /// Ends the account's key; its connections fall silent.
    pub(crate) fn stop(&mut self, account: usize) {
        self.keys.retain(|_, key| key.account != account);
    }

    /// Listens to a key, known or not.
    pub(crate) fn subscribe(
        &mut self,
        connection: ConnectionId,
        key: &str,
        events: Option<Vec<String>>,
    ) {
        self.subscriptions.push(Subscription { connection, key: key.to_owned(), events });
    }

    /// Stops listening to a key on a connection.
    pub(crate) fn unsubscribe(&mut self, connection: ConnectionId, key: &str) {
        self.subscriptions.retain(|known| known.connection != connection || known.key != key);
    }

    /// Forgets a connection.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.subscriptions.retain(|known| known.connection != connection);
    }

    /// How many keys live.
    pub(crate) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Sends an account's event to everyone who listens to its key and allows it; `exec` is the
    /// execution type of an order event.
    pub(crate) fn event(&mut self, hub: &mut Hub, account: usize, event: &UserEvent) {
        for subscription in &self.subscriptions {
            let key = self.keys.get(&subscription.key);
            if key.is_some_and(|key| key.account == account) {
                subscription.send(hub, Some(account), event);
            }
        }
        self.subscriptions.retain(|known| hub.is_connected(known.connection));
    }

    /// Ends every key now, with or without telling.
    pub(crate) fn expire_all(&mut self, hub: &mut Hub, now_ms: i64, is_told: bool) {
        for key in self.keys.values_mut() {
            key.expires_ms = i64::MIN;
        }
        if is_told {
            self.tick(hub, now_ms);
        } else {
            self.keys.clear();
        }
    }

    /// Expires keys whose time has come.
    pub(crate) fn tick(&mut self, hub: &mut Hub, now_ms: i64) {
        let expired: Vec<String> = self
            .keys
            .iter()
            .filter(|(_, key)| key.expires_ms <= now_ms)
            .map(|(text, _)| text.clone())
            .collect();
        for text in expired {
            self.keys.remove(&text);
            let event = UserEvent {
                name: "listenKeyExpired",
                exec: "",
                symbol: String::new(),
                text: user::listen_key_expired(&text, now_ms),
            };
            for subscription in self.subscriptions.iter().filter(|known| known.key == text) {
                subscription.send(hub, None, &event);
            }
        }
    }
}

impl Subscription {
    fn send(&self, hub: &mut Hub, account: Option<usize>, event: &UserEvent) {
        let name = event.name;
        let allowed = self.events.as_ref().is_none_or(|events| events.iter().any(|e| e == name));
        if allowed {
            let full = event.full_name();
            let tag = Tag {
                stream: &self.key,
                event: &full,
                symbol: &event.symbol,
                account,
                ..Tag::default()
            };
            hub.send_named(self.connection, &tag, &event.text);
        }
    }
}

/// One event of a user stream.
#[derive(Debug, Clone)]
pub(crate) struct UserEvent {
    /// Its type (`e`).
    pub(crate) name: &'static str,
    /// Execution type of an order event, else empty.
    pub(crate) exec: &'static str,
    /// Symbol, or empty.
    pub(crate) symbol: String,
    /// The event.
    pub(crate) text: String,
}

impl UserEvent {
    /// An account's event as it is told.
    pub(crate) fn of(formats: &[Format], event: &AccountEvent) -> Self {
        let (symbol, exec) = match event {
            AccountEvent::TradeLite(fill) => (Some(fill.symbol), ""),
            AccountEvent::Order(update) => (Some(update.order.symbol), update.exec_type.as_str()),
            AccountEvent::Account(update) => (update.position.map(|row| row.symbol), ""),
            AccountEvent::MarginCall(call) => (Some(call.symbol), ""),
            AccountEvent::Algo(update) => (Some(update.order.symbol), ""),
            AccountEvent::Leverage { symbol, .. } => (Some(*symbol), ""),
        };
        let format = symbol.and_then(|symbol| formats.get(symbol.index()));
        Self {
            name: user::name(event),
            exec,
            symbol: format.map(|format| format.name.clone()).unwrap_or_default(),
            text: user::event(formats, event),
        }
    }

    /// `ORDER_TRADE_UPDATE/TRADE`
    pub(crate) fn full_name(&self) -> String {
        if self.exec.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}/{}", self.name, self.exec)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_an_account_until_it_is_stopped() {
        let mut users = Users::new(1, 1_000);
        let first = users.start(0, 0);
        assert_eq!(users.start(0, 500), first);
        assert_eq!(users.refresh(0, 600).expect("lives"), first);
        assert_ne!(users.start(1, 0), first);
        users.stop(0);
        assert_eq!(users.refresh(0, 600).expect_err("gone").code, -1125);
        assert_ne!(users.start(0, 700), first);
        assert_eq!(users.key_count(), 2);
    }
}
