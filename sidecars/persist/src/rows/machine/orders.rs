//! Events of orders: decided, sent, answered, reported.

use schema::{
    ClientOrderId, Decision, ExecType, ExecutionReport, OrderRef, OrderReply, OrderStatus, Stage,
    Stages,
};

use super::{Core, Unwritable, fill_id, order_key};
use crate::rows::{Gap, Order, order_id};
use crate::value::Micros;

impl Core {
    pub(super) fn decision(&mut self, decision: &Decision, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(decision.order.symbol)?;
        let key = decision.order.client_order_id.to_string();
        self.requests.insert(decision.request_id.0 as i64, key.clone());
        self.orders
            .entry(key.clone())
            .and_modify(|order| order.add_decision(decision, at))
            .or_insert_with(|| Order::decided(&symbol, decision, at));
        self.dirty_orders.insert(key);
        Ok(())
    }

    pub(super) fn cancel(&mut self, order: &OrderRef, at: Micros) -> Result<(), Unwritable> {
        let symbol = self.symbol(order.symbol)?;
        let key = order_key(order.client_order_id, &symbol, order.venue_order_id.0);
        self.change_order(&key, |order| order.set_status(OrderStatus::PendingCancel, at));
        Ok(())
    }

    pub(super) fn change_order(&mut self, key: &str, change: impl FnOnce(&mut Order)) {
        if let Some(order) = self.orders.get_mut(key) {
            change(order);
            self.dirty_orders.insert(key.to_owned());
        }
    }

    pub(super) fn stages(&mut self, stages: &Stages) -> Result<(), Unwritable> {
        let hz = self.cursor.run.tsc_hz.unsigned_abs();
        let between = stages.between_ns(Stage::Read, Stage::WriteCall, hz);
        if let Some(ns) = between.and_then(|ns| i64::try_from(ns).ok()) {
            let key = stages.client_order_id.to_string();
            self.change_order(&key, |order| order.tick_to_order_ns = Some(ns));
        }
        Ok(())
    }

    pub(super) fn reply(&mut self, reply: &OrderReply, at: Micros) -> Result<(), Unwritable> {
        let placed = self.requests.get(&(reply.request_id.0 as i64)).cloned();
        let key = if reply.client_order_id == ClientOrderId::NONE {
            placed.clone()
        } else {
            Some(reply.client_order_id.to_string())
        };
        let Some(key) = key else { return Ok(()) };
        if self.orders.get(&key).is_none_or(|order| order.status.is_terminal()) {
            return Ok(());
        }
        // A refusal is the order's own only if the request placed it; a refused cancel is not.
        let is_place = placed.as_deref() == Some(key.as_str());
        self.change_order(&key, |order| {
            if reply.venue_order_id.0 != 0 {
                order.order_id = Some(order_id(&order.symbol, reply.venue_order_id.0));
            }
            order.cum_qty = order.cum_qty.max(reply.cum_qty);
            if reply.is_ok() {
                if reply.order_status != OrderStatus::Unknown {
                    order.set_status(reply.order_status, at);
                }
            } else if is_place {
                order.error_code = Some(i64::from(reply.code));
                order.set_status(refused_status(reply), at);
            }
        });
        Ok(())
    }

    pub(super) fn report(&mut self, seq: i64, report: &ExecutionReport) -> Result<(), Unwritable> {
        let symbol = self.symbol(report.symbol)?;
        let at = Micros::from(report.transaction_time);
        let key = order_key(report.client_order_id, &symbol, report.venue_order_id.0);
        let mut order = match self.orders.get(&key) {
            Some(order) => order.clone(),
            None => Order::reported(&symbol, report, at),
        };
        order.take_report(report, at);
        let is_fill = matches!(report.exec_type, ExecType::Trade | ExecType::Calculated)
            && report.last_qty.units() > 0;
        if is_fill {
            let id = (symbol.clone(), fill_id(report));
            match self.fills.get(&id) {
                None => {
                    self.fill(&symbol, &mut order, report)?;
                    self.fills.insert(id, key.clone());
                }
                Some(known) if *known == key => {}
                Some(_) => self.batch.gaps.push(Gap {
                    journal_id: self.cursor.journal_id,
                    first_seq: seq,
                    last_seq: Some(seq),
                    reason: "fill of another order under a trade id that is taken".to_owned(),
                }),
            }
        }
        self.orders.insert(key.clone(), order);
        self.dirty_orders.insert(key);
        Ok(())
    }
}

/// A place request that failed: refused for certain only with a 4xx that is not a time-out.
fn refused_status(reply: &OrderReply) -> OrderStatus {
    // -1006 and -1007: the venue does not know whether it executed (Binance docs, Error Codes).
    let certain = (400..500).contains(&reply.status) && !matches!(reply.code, -1006 | -1007);
    if certain { OrderStatus::Rejected } else { OrderStatus::Unknown }
}
