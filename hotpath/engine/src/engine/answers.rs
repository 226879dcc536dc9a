//! Answers to requests, and what stands for them when none comes.

use schema::{
    Counter, MonoNs, OrderReply, OrderStatus, Qty, RequestId, RequestKind, StateReason,
    VenueOrderId,
};

use super::Engine;
use super::outcome::{Refusal, refusal};
use crate::input::Now;
use crate::orders::{Cancel, Handle, Request, Resend};
use crate::planted::{Bug, planted};

/// Pause after the first refusal of the venue; doubled with every further one in a row.
const REFUSED_PAUSE_NS: u64 = 100_000_000;
/// Doublings of that pause.
const REFUSED_BACKOFF_MAX: u32 = 6;
/// Pause after a rate limit that does not say for how long: the order window.
const LIMITED_PAUSE_NS: u64 = 10_000_000_000;
/// No ban of the venue lasts longer (3 days, PROTOCOL section 6): a longer one is a mistake.
const BAN_NS_MAX: u64 = 3 * 86_400_000_000_000;
/// Pause after the venue said that a symbol takes no more risk, before it is tried again.
const CLOSED_PAUSE_NS: u64 = 60_000_000_000;
/// Pause before what failed for overload is sent again: 200, 400, 800 ms (PROTOCOL section 7).
const RESEND_PAUSE_NS: u64 = 200_000_000;
/// How often it is sent again.
const RESENDS_MAX: u8 = 3;
/// A cancel is never given up: its pause stops growing here.
const CANCEL_BACKOFF_MAX: u8 = 2;
/// How long an order refused for its time waits for the venue's clock.
pub(super) const CLOCK_WAIT_NS: u64 = 2_000_000_000;

impl Engine {
    pub(super) fn on_reply(&mut self, now: Now, reply: &OrderReply) {
        self.rate.heed(now.mono, reply.order_count_10s, reply.order_count_1m);
        if !reply.is_ok() {
            self.heed(now, reply);
        }
        let Some(request) = self.requests.close(reply.request_id) else { return };
        match request.kind {
            RequestKind::PlaceAlgo => return self.on_algo_placed(now, &request, reply),
            RequestKind::CancelAlgo => return self.on_algo_cancelled(now, &request, reply),
            RequestKind::Logon => return,
            _ => {}
        }
        if self.orders.get(request.handle).reference() != request.order
            && self.orders.get(request.handle).id != request.order.client_order_id
        {
            return;
        }
        match request.kind {
            RequestKind::Place => self.on_placed(now, &request, reply),
            RequestKind::Cancel => self.on_cancelled(now, &request, reply),
            RequestKind::Status => self.on_status(now, &request, reply),
            RequestKind::Modify => self.on_modified(&request, reply),
            RequestKind::Logon | RequestKind::PlaceAlgo | RequestKind::CancelAlgo => {}
        }
    }

    /// What a refusal says about more than its own order.
    fn heed(&mut self, now: Now, reply: &OrderReply) {
        let told_ms = reply.retry_after_ms.saturating_sub(self.venue_wall(now).ms()).max(0) as u64;
        let told_ns = told_ms.saturating_mul(1_000_000).min(BAN_NS_MAX);
        let until = now.mono.plus_ns(if told_ns > 0 { told_ns } else { LIMITED_PAUSE_NS });
        match refusal(reply) {
            Refusal::Banned if planted(Bug::BanIgnored) => {}
            Refusal::Banned => {
                self.count(Counter::VenueThrottled);
                self.banned_until = self.banned_until.max(until);
                self.orders_banned_until = self.orders_banned_until.max(until);
            }
            Refusal::OrderLimit => {
                self.count(Counter::VenueThrottled);
                self.orders_banned_until = self.orders_banned_until.max(until);
            }
            Refusal::Failed => self.count(Counter::VenueOverloaded),
            Refusal::Fatal => self.halted = Some(StateReason::VenueRefused),
            Refusal::Clock => {
                self.count(Counter::ClockRejected);
                self.clock.is_doubted = true;
            }
            Refusal::Unknown
            | Refusal::Expected
            | Refusal::Refused
            | Refusal::Closed
            | Refusal::NoSuchOrder => {}
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
            return self.take_answer(handle, status, reply);
        }
        // Reports win: an order the stream has shown alive was not refused.
        let order = *self.orders.get(handle);
        if order.venue_status != OrderStatus::PendingNew {
            return;
        }
        let kind = refusal(reply);
        let resend = match kind {
            Refusal::Unknown if planted(Bug::UnknownResent) && order.retries < RESENDS_MAX => {
                Resend::AfterPause
            }
            Refusal::Unknown if planted(Bug::UnknownIsDead) => Resend::No,
            Refusal::Unknown => return self.doubt(handle),
            Refusal::Failed if order.reduce_only && order.retries < RESENDS_MAX => {
                Resend::AfterPause
            }
            Refusal::Clock if order.retries == 0 => Resend::AfterClock,
            _ => Resend::No,
        };
        if resend != Resend::No {
            let pause_ns = RESEND_PAUSE_NS << order.retries.min(RESENDS_MAX);
            self.orders.change(handle, |order| {
                order.resend = resend;
                order.retry_at = now.mono.plus_ns(pause_ns);
                // Nothing of it is on the wire: its answer is not overdue, and it is not in doubt.
                order.sent_at = now.mono;
                order.is_unknown = false;
            });
            return;
        }
        self.reject(now, handle, kind, reply.code);
    }

    /// The venue certainly did not take the order.
    pub(super) fn reject(&mut self, now: Now, handle: Handle, kind: Refusal, code: i32) {
        let order = *self.orders.get(handle);
        self.orders.learn(handle, OrderStatus::Rejected, order.filled, VenueOrderId(0));
        self.counts.venue_rejects += 1;
        self.count(Counter::OrderRefused);
        // "ReduceOnly Order is rejected": the position is not what we think.
        self.is_reconcile_asked |= code == -2022;
        if kind == Refusal::Closed
            && let Some(s) = self.symbols.get_mut(order.symbol.index())
        {
            s.closed_until = s.closed_until.max(now.mono.plus_ns(CLOSED_PAUSE_NS));
        }
        if kind == Refusal::Expected {
            return self.mute(now.mono, order.symbol, self.config.timing.refusal_pause_ns);
        }
        self.venue_rejects_in_a_row += 1;
        let backoff = self.venue_rejects_in_a_row.min(REFUSED_BACKOFF_MAX);
        self.mute(now.mono, order.symbol, REFUSED_PAUSE_NS << backoff);
        if self.venue_rejects_in_a_row >= self.config.limits.venue_rejects_max {
            self.halted = Some(StateReason::VenueRefused);
        }
    }

    fn on_cancelled(&mut self, now: Now, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        if !self.orders.get(handle).is_live() {
            return;
        }
        if reply.is_ok() {
            let status = match reply.order_status {
                OrderStatus::Unknown => OrderStatus::Canceled,
                status => status,
            };
            return self.take_answer(handle, status, reply);
        }
        match refusal(reply) {
            // Filled, cancelled or never there: only the venue's word on this order tells which.
            Refusal::NoSuchOrder | Refusal::Unknown => self.doubt(handle),
            _ => {
                self.count(Counter::OrderRefused);
                self.want_again(now, handle);
            }
        }
    }

    fn on_modified(&mut self, request: &Request, reply: &OrderReply) {
        let handle = request.handle;
        if !self.orders.get(handle).is_live() {
            return;
        }
        if reply.is_ok() {
            self.orders.amend(handle, reply.price, reply.qty);
            return self.take_answer(handle, reply.order_status, reply);
        }
        match refusal(reply) {
            Refusal::NoSuchOrder | Refusal::Unknown => self.doubt(handle),
            kind => {
                if kind != Refusal::Expected {
                    self.count(Counter::OrderRefused);
                }
                // The order stands as it was; until the venue states its quantity, the larger
                // counts.
                self.orders.change(handle, |order| order.is_changing = false);
            }
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
                self.want_again(now, handle);
            }
            return;
        }
        // Absent, and old enough that it could not still be on its way when that was asked. An
        // answer to a question from before the stream told of the order says nothing.
        let age_ns = request.at.since(order.sent_at);
        let is_absent = refusal(reply) == Refusal::NoSuchOrder && request.at >= order.heard_at;
        if is_absent && age_ns >= self.config.timing.absent_grace_ns {
            let end = match order.venue_status {
                OrderStatus::PendingNew => OrderStatus::Rejected,
                _ => OrderStatus::Canceled,
            };
            self.count(Counter::OrderAbsent);
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
    pub(super) fn doubt(&mut self, handle: Handle) {
        if self.orders.get(handle).is_live() {
            self.orders.change(handle, |order| {
                order.is_unknown = true;
                order.queries = 0;
                order.resend = Resend::No;
                order.missing_at = MonoNs(0);
            });
        }
    }

    /// The cancel did not work: again, ever more slowly, until the venue has an end for the order.
    fn want_again(&mut self, now: Now, handle: Handle) {
        if !self.orders.get(handle).is_live() {
            return;
        }
        self.orders.change(handle, |order| {
            order.cancel = Cancel::Wanted;
            let pause_ns = RESEND_PAUSE_NS << order.retries.min(CANCEL_BACKOFF_MAX);
            order.retry_at = now.mono.plus_ns(pause_ns);
            order.retries = order.retries.saturating_add(1);
        });
        self.count(Counter::CancelRetried);
        self.has_cancels_wanted = true;
    }

    pub(super) fn on_send_failed(&mut self, request: RequestId) {
        let Some(request) = self.requests.close(request) else { return };
        match request.kind {
            RequestKind::Status | RequestKind::Logon => {}
            RequestKind::PlaceAlgo | RequestKind::CancelAlgo => self.doubt_algo(&request),
            RequestKind::Place | RequestKind::Cancel | RequestKind::Modify => {
                self.doubt(request.handle);
            }
        }
    }

    /// Everything unanswered has an unknown outcome: the order link went down.
    pub(super) fn doubt_unanswered(&mut self) {
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_asked = order.cancel == Cancel::Sent || order.is_changing;
            let is_sent = order.venue_status == OrderStatus::PendingNew;
            if (is_sent && order.resend == Resend::No || is_asked) && !order.is_unknown {
                self.doubt(handle);
            }
        }
        self.doubt_unanswered_algos();
    }

    /// Finds orders and cancels whose answer is overdue.
    pub(super) fn watch_orders(&mut self, now: Now) {
        let limit_ns = self.config.timing.ack_timeout_ns;
        let is_over = |at: MonoNs| now.mono.since(at) >= limit_ns;
        for index in 0..self.orders.live_count() {
            let Some(handle) = self.orders.live_at(index) else { break };
            let order = self.orders.get(handle);
            let is_sent = order.venue_status == OrderStatus::PendingNew || order.is_immediate();
            let is_overdue = is_sent && order.resend == Resend::No && is_over(order.sent_at)
                || (order.cancel == Cancel::Sent || order.is_changing) && is_over(order.asked_at);
            if is_overdue && !order.is_unknown {
                self.doubt(handle);
            }
            self.is_reconcile_asked |= self.orders.get(handle).is_short_of_fills()
                && is_over(self.orders.get(handle).sent_at)
                && self.orders.get(handle).filled < Qty::MAX;
        }
        self.watch_algos(now);
    }
}
