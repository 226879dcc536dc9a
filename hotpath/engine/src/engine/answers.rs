//! Answers to requests, and what stands for them when none comes.

use schema::{
    MonoNs, OrderReply, OrderStatus, Qty, RequestId, RequestKind, StateReason, VenueOrderId,
};

use super::Engine;
use crate::input::Now;
use crate::orders::{Cancel, Handle, Request};

/// What a refusal means for us (PROTOCOL section 7: error codes and HTTP statuses).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// It may have been carried out.
    Unknown,
    /// Certainly not carried out, an ordinary market event (post-only would take, FOK unfilled).
    Expected,
    /// Certainly not carried out.
    Refused,
    /// Certainly not carried out, and nothing may be sent for a while.
    RateLimited,
    /// Certainly not carried out, and going on would be wrong: key, signature, liquidation.
    Fatal,
    /// Our clock is not the venue's.
    Clock,
}

fn refusal(reply: &OrderReply) -> Refusal {
    match (reply.status, reply.code) {
        (418 | 429, _) | (_, -1003 | -1015) => Refusal::RateLimited,
        (_, -1021 | -5028) => Refusal::Clock,
        (_, -1022 | -2014 | -2015 | -2023 | -4192) | (401 | 403, _) => Refusal::Fatal,
        (_, -5022 | -5021 | -2020) => Refusal::Expected,
        // Named as certain failures although they travel with 5xx.
        (_, -1001 | -1008 | -1016) => Refusal::Refused,
        (_, -1000 | -1006 | -1007 | -4116) => Refusal::Unknown,
        (400..=499, _) if reply.status != 408 => Refusal::Refused,
        _ => Refusal::Unknown,
    }
}

/// No such order: cancelling or asking about one that is finished or never arrived.
const fn is_no_such_order(code: i32) -> bool {
    matches!(code, -2011 | -2013)
}

/// Pause after the first refusal of the venue; doubled with every further one in a row.
const REFUSED_PAUSE_NS: u64 = 100_000_000;
/// Doublings of that pause.
const REFUSED_BACKOFF_MAX: u32 = 6;
/// Pause after a rate limit that does not say for how long: the order window.
const LIMITED_PAUSE_NS: u64 = 10_000_000_000;

impl Engine {
    pub(super) fn on_reply(&mut self, now: Now, reply: &OrderReply) {
        if !reply.is_ok() {
            self.heed(now, reply);
        }
        let Some(request) = self.requests.close(reply.request_id) else { return };
        if self.orders.get(request.handle).reference() != request.order
            && self.orders.get(request.handle).id != request.order.client_order_id
        {
            return;
        }
        match request.kind {
            RequestKind::Place => self.on_placed(now, &request, reply),
            RequestKind::Cancel => self.on_cancelled(&request, reply),
            RequestKind::Status => self.on_status(now, &request, reply),
            RequestKind::Modify => self.on_modified(&request, reply),
            RequestKind::Logon | RequestKind::PlaceAlgo | RequestKind::CancelAlgo => {}
        }
    }

    /// What a refusal says about more than its own order.
    fn heed(&mut self, now: Now, reply: &OrderReply) {
        match refusal(reply) {
            Refusal::RateLimited => {
                let told_ms = reply.retry_after_ms.saturating_sub(now.wall.ms()).max(0) as u64;
                let pause_ns = told_ms.saturating_mul(1_000_000).max(LIMITED_PAUSE_NS);
                self.banned_until = self.banned_until.max(now.mono.plus_ns(pause_ns));
            }
            Refusal::Fatal => self.halted = Some(StateReason::VenueRefused),
            Refusal::Clock => self.causes.raise(StateReason::ClockJump),
            Refusal::Unknown | Refusal::Expected | Refusal::Refused => {}
        }
    }

    fn on_placed(&mut self, now: Now, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        if reply.is_ok() {
            self.venue_rejects_in_a_row = 0;
            let status = match reply.order_status {
                OrderStatus::Unknown | OrderStatus::PendingNew => OrderStatus::New,
                status => status,
            };
            self.take_answer(handle, status, reply);
            return;
        }
        let kind = refusal(reply);
        if kind == Refusal::Unknown {
            self.doubt(handle);
            return;
        }
        // Reports win: an order the stream has shown alive was not refused.
        let order = *self.orders.get(handle);
        if order.venue_status != OrderStatus::PendingNew {
            return;
        }
        self.orders.learn(handle, OrderStatus::Rejected, order.filled, VenueOrderId(0));
        self.counts.venue_rejects += 1;
        // "ReduceOnly Order is rejected": the position is not what we think.
        self.is_reconcile_asked |= reply.code == -2022;
        if kind == Refusal::Expected {
            return;
        }
        self.venue_rejects_in_a_row += 1;
        let backoff = self.venue_rejects_in_a_row.min(REFUSED_BACKOFF_MAX);
        self.mute(now.mono, order.symbol, REFUSED_PAUSE_NS << backoff);
        if self.venue_rejects_in_a_row >= self.config.limits.venue_rejects_max {
            self.halted = Some(StateReason::VenueRefused);
        }
    }

    fn on_cancelled(&mut self, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        if !self.orders.get(handle).is_live() {
            return;
        }
        if reply.is_ok() {
            let status = match reply.order_status {
                OrderStatus::Unknown => OrderStatus::Canceled,
                status => status,
            };
            self.take_answer(handle, status, reply);
            return;
        }
        match refusal(reply) {
            // Filled, cancelled or never there: only the venue's word on this order tells which.
            _ if is_no_such_order(reply.code) => self.doubt(handle),
            Refusal::Unknown => self.doubt(handle),
            _ => self.want_again(handle),
        }
    }

    fn on_modified(&mut self, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        if !self.orders.get(handle).is_live() {
            return;
        }
        if reply.is_ok() {
            self.orders.amend(handle, reply.price, reply.qty);
            self.take_answer(handle, reply.order_status, reply);
        } else if is_no_such_order(reply.code) || refusal(reply) == Refusal::Unknown {
            self.doubt(handle);
        } else {
            // The order stands as it was; until the venue states its quantity, the larger counts.
            self.orders.change(handle, |order| order.is_changing = false);
        }
    }

    fn on_status(&mut self, now: Now, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        let order = *self.orders.get(handle);
        if !order.is_live() || !order.is_unknown {
            return;
        }
        if reply.is_ok() {
            self.orders.amend(handle, reply.price, reply.qty);
            self.take_answer(handle, reply.order_status, reply);
            if self.orders.get(handle).cancel == Cancel::Sent {
                self.want_again(handle);
            }
            return;
        }
        // Absent, and old enough that it cannot still be on its way.
        let age_ns = now.mono.since(order.sent_at);
        if is_no_such_order(reply.code) && age_ns >= self.config.timing.absent_grace_ns {
            let end = match order.venue_status {
                OrderStatus::PendingNew => OrderStatus::Rejected,
                _ => OrderStatus::Canceled,
            };
            self.orders.learn(handle, end, order.filled, VenueOrderId(0));
        }
    }

    fn take_answer(&mut self, handle: Handle, status: OrderStatus, reply: &OrderReply) {
        if status == OrderStatus::Unknown {
            return;
        }
        self.orders.learn(handle, status, reply.cum_qty, reply.venue_order_id);
        self.is_reconcile_asked |= self.orders.get(handle).is_short_of_fills();
    }

    /// The outcome is unknown from here on.
    fn doubt(&mut self, handle: Handle) {
        if self.orders.get(handle).is_live() {
            self.orders.change(handle, |order| {
                order.is_unknown = true;
                order.queries = 0;
            });
        }
    }

    fn want_again(&mut self, handle: Handle) {
        if self.orders.get(handle).is_live() {
            self.orders.change(handle, |order| order.cancel = Cancel::Wanted);
            self.has_cancels_wanted = true;
        }
    }

    pub(super) fn on_send_failed(&mut self, request: RequestId) {
        if let Some(request) = self.requests.close(request) {
            match request.kind {
                RequestKind::Status => {}
                _ => self.doubt(request.handle),
            }
        }
    }

    /// Everything unanswered has an unknown outcome: the order link went down.
    pub(super) fn doubt_unanswered(&mut self) {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_asked = order.cancel == Cancel::Sent || order.is_changing;
            if order.venue_status == OrderStatus::PendingNew || is_asked {
                self.doubt(handle);
            }
        }
    }

    /// Finds orders and cancels whose answer is overdue.
    pub(super) fn watch_orders(&mut self, now: Now) {
        let limit_ns = self.config.timing.ack_timeout_ns;
        let is_over = |at: MonoNs| now.mono.since(at) >= limit_ns;
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_overdue = (order.venue_status == OrderStatus::PendingNew
                || order.is_immediate())
                && is_over(order.sent_at)
                || (order.cancel == Cancel::Sent || order.is_changing) && is_over(order.asked_at);
            if is_overdue && !order.is_unknown {
                self.doubt(handle);
            }
            self.is_reconcile_asked |= self.orders.get(handle).is_short_of_fills()
                && is_over(self.orders.get(handle).sent_at)
                && self.orders.get(handle).filled < Qty::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::ClientOrderId;

    #[track_caller]
    fn check(status: u16, code: i32, expected: Refusal) {
        let reply = OrderReply {
            request_id: RequestId(1),
            status,
            code,
            order_status: OrderStatus::Unknown,
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(0),
            price: schema::Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: Qty::ZERO,
            order_count_10s: u32::MAX,
            order_count_1m: u32::MAX,
            weight_1m: u32::MAX,
            retry_after_ms: 0,
        };
        assert_eq!(refusal(&reply), expected, "{status} {code}");
    }

    #[test]
    fn refusals_mean_what_the_venue_documents() {
        for (status, code) in [(503, 0), (500, -1000), (408, -1007), (400, -1006), (504, 0), (0, 0)]
        {
            check(status, code, Refusal::Unknown);
        }
        check(400, -4116, Refusal::Unknown);
        for (status, code) in [(503, -1001), (503, -1008), (400, -2019), (400, -1111), (400, -2022)]
        {
            check(status, code, Refusal::Refused);
        }
        check(400, -5022, Refusal::Expected);
        for (status, code) in [(429, -1003), (418, -1003), (400, -1015), (429, 0)] {
            check(status, code, Refusal::RateLimited);
        }
        for (status, code) in [(400, -1022), (401, -2015), (401, 0), (400, -2023)] {
            check(status, code, Refusal::Fatal);
        }
        check(400, -1021, Refusal::Clock);
    }
}
