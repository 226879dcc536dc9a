//! Listen keys and the user streams that hang on them (PROTOCOL 1.4 and 5).

use std::collections::HashMap;

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    credentials::random_text,
    hub::{ConnectionId, Hub},
    refusal::Refusal,
    wire::user,
};

/// Length of a listen key in characters.
const LISTEN_KEY_CHARS: usize = 64;

/// Listen keys of all accounts and who listens to them.
pub(crate) struct Users {
    keys: HashMap<String, ListenKey>,
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
            keys: HashMap::new(),
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

    /// Sends an account's event to everyone who listens to its key and allows it.
    pub(crate) fn event(&mut self, hub: &mut Hub, account: usize, name: &str, text: &str) {
        for subscription in &self.subscriptions {
            let key = self.keys.get(&subscription.key);
            if key.is_some_and(|key| key.account == account) {
                subscription.send(hub, name, text);
            }
        }
        self.subscriptions.retain(|known| hub.is_connected(known.connection));
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
            let event = user::listen_key_expired(&text, now_ms);
            for subscription in self.subscriptions.iter().filter(|known| known.key == text) {
                subscription.send(hub, "listenKeyExpired", &event);
            }
        }
    }
}

impl Subscription {
    fn send(&self, hub: &mut Hub, name: &str, text: &str) {
        let allowed = self.events.as_ref().is_none_or(|events| events.iter().any(|e| e == name));
        if allowed {
            hub.send_named(self.connection, &self.key, text);
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
