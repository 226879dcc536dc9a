//! The venue of the sequences: what it does with what it is sent, and what it tells.

use super::*;

impl World {
    pub(super) fn receive(&mut self, action: &Action) {
        match action {
            Action::Place(approved, request, _) => {
                let order = *approved.get();
                assert!(self.ids.insert(order.client_order_id.0), "an id is used once");
                self.receive_order(order, *request);
            }
            Action::Cancel(approved, request) => {
                let id = approved.get().order.client_order_id;
                let found = self.venue.orders.iter().position(|o| o.order.client_order_id == id);
                match found {
                    _ if self.is_faulty && self.dice.one_in(10) => {}
                    Some(index) if self.venue.orders[index].is_live => {
                        self.finish(index, ExecType::Canceled, OrderStatus::Canceled);
                        let cum = self.venue.orders[index].cum;
                        self.answer(*request, 200, 0, OrderStatus::Canceled, cum);
                    }
                    _ => self.answer(*request, 400, -2011, OrderStatus::Unknown, Qty::ZERO),
                }
            }
            Action::Status(order, request) => {
                let id = order.client_order_id;
                let found = self.venue.orders.iter().position(|o| o.order.client_order_id == id);
                match found {
                    _ if self.is_faulty && self.dice.one_in(4) => {}
                    Some(index) => {
                        let o = self.venue.orders[index];
                        let status = if o.is_live {
                            OrderStatus::New
                        } else if o.cum == o.order.qty {
                            OrderStatus::Filled
                        } else {
                            OrderStatus::Canceled
                        };
                        self.answer(*request, 200, 0, status, o.cum);
                    }
                    None => self.answer(*request, 400, -2013, OrderStatus::Unknown, Qty::ZERO),
                }
            }
            Action::Modify(approved, request) => {
                let change = *approved.get();
                let id = change.order.client_order_id;
                let found = self.venue.orders.iter().position(|o| o.order.client_order_id == id);
                match found {
                    _ if self.is_faulty && self.dice.one_in(6) => {}
                    Some(index) if self.venue.orders[index].is_live => {
                        let o = &mut self.venue.orders[index];
                        o.order.price = change.price;
                        o.order.qty = change.qty;
                        let (order, cum) = (o.order, o.cum);
                        let amended = Fill { cum, ..NO_FILL };
                        self.push(report(&order, ExecType::Amendment, OrderStatus::New, amended));
                        self.answer(*request, 200, 0, OrderStatus::New, cum);
                    }
                    _ => self.answer(*request, 400, -2013, OrderStatus::Unknown, Qty::ZERO),
                }
            }
            Action::PlaceAlgo(approved, request) => self.receive_stop(*approved.get(), *request),
            Action::CancelAlgo(approved, request) => {
                let id = approved.get().client_order_id;
                let found = self.venue.stops.iter().position(|stop| stop.client_order_id == id);
                match found {
                    _ if self.is_faulty && self.dice.one_in(6) => {}
                    Some(index) => {
                        let stop = self.venue.stops.remove(index);
                        self.push_stop(&stop, AlgoStatus::Canceled);
                        self.answer(*request, 200, 0, OrderStatus::Unknown, Qty::ZERO);
                    }
                    None => self.answer(*request, 400, -2011, OrderStatus::Unknown, Qty::ZERO),
                }
            }
        }
    }

    pub(super) fn receive_stop(&mut self, stop: NewAlgo, request: RequestId) {
        assert!(self.ids.insert(stop.client_order_id.0), "an id is used once");
        let fate = if self.is_faulty { self.dice.roll(8) } else { 7 };
        let held = self.venue.positions[stop.symbol.index()].qty().units();
        let is_against = held != 0 && (held > 0) == (stop.side == Side::Sell);
        let is_second = self.venue.stops.iter().any(|other| other.symbol == stop.symbol);
        let code = match fate {
            0 => return,
            1 => return self.answer(request, 503, 0, OrderStatus::Unknown, Qty::ZERO),
            2 => -1008,
            3 => -2021,
            _ if !is_against => -4509,
            _ if is_second => -4130,
            _ => 0,
        };
        if code != 0 {
            return self.answer(request, 400, code, OrderStatus::Unknown, Qty::ZERO);
        }
        self.venue.stops.push(stop);
        self.push_stop(&stop, AlgoStatus::New);
        if fate != 4 {
            self.answer(request, 200, 0, OrderStatus::New, Qty::ZERO);
        }
    }

    pub(super) fn push_stop(&mut self, stop: &NewAlgo, status: AlgoStatus) {
        if self.rig.engine.links[Link::User as usize] {
            self.venue.user_events.push_back(UserEvent::Algo(AlgoUpdate {
                symbol: stop.symbol,
                client_order_id: stop.client_order_id,
                algo_id: AlgoId(i64::from(stop.client_order_id.sequence())),
                side: stop.side,
                order_type: OrderType::StopMarket,
                status,
                trigger_price: stop.trigger_price,
                qty: Qty::ZERO,
                reduce_only: false,
                close_position: true,
                venue_order_id: VenueOrderId(0),
                transaction_time: WallNs(START_WALL),
                event_time: WallNs(START_WALL),
            }));
        }
    }

    /// A stop whose position is gone or turned expires.
    pub(super) fn expire_stops(&mut self) {
        for index in (0..self.venue.stops.len()).rev() {
            let stop = self.venue.stops[index];
            let held = self.venue.positions[stop.symbol.index()].qty().units();
            if held == 0 || (held > 0) != (stop.side == Side::Sell) {
                self.venue.stops.remove(index);
                self.push_stop(&stop, AlgoStatus::Expired);
            }
        }
    }

    pub(super) fn receive_order(&mut self, order: NewOrder, request: RequestId) {
        let fate = if self.is_faulty { self.dice.roll(12) } else { 11 };
        match fate {
            0 => return, // lost on the way
            1 => return self.answer(request, 503, 0, OrderStatus::Unknown, Qty::ZERO),
            2 => return self.answer(request, 400, -2019, OrderStatus::Unknown, Qty::ZERO),
            _ => {}
        }
        let index = self.venue.orders.len();
        self.venue.orders.push(VenueOrder { order, cum: Qty::ZERO, is_live: true });
        self.push(report(&order, ExecType::New, OrderStatus::New, NO_FILL));
        match fate {
            3 => {}
            4 => self.answer(request, 408, -1007, OrderStatus::Unknown, Qty::ZERO),
            _ => self.answer(request, 200, 0, OrderStatus::New, Qty::ZERO),
        }
        if order.time_in_force == TimeInForce::Ioc {
            if !self.dice.one_in(6) {
                self.trade(index);
            }
            if self.venue.orders[index].is_live {
                self.finish(index, ExecType::Expired, OrderStatus::Expired);
            }
        }
    }

    pub(super) fn answer(
        &mut self,
        request: RequestId,
        status: u16,
        code: i32,
        order: OrderStatus,
        cum: Qty,
    ) {
        self.venue.replies.push_back(OrderReply {
            request_id: request,
            status,
            code,
            order_status: order,
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(0),
            price: Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: cum,
            order_count_10s: u32::MAX,
            order_count_1m: u32::MAX,
            weight_1m: u32::MAX,
            retry_after_ms: 0,
        });
    }

    pub(super) fn push(&mut self, report: ExecutionReport) {
        if self.rig.engine.links[Link::User as usize] {
            self.venue.user_events.push_back(UserEvent::Report(report));
            if self.is_faulty && self.dice.one_in(5) {
                self.venue.user_events.push_back(UserEvent::Report(report));
            }
        }
    }

    pub(super) fn finish(&mut self, index: usize, exec: ExecType, status: OrderStatus) {
        let o = &mut self.venue.orders[index];
        o.is_live = false;
        let (order, cum) = (o.order, o.cum);
        self.push(report(&order, exec, status, Fill { cum, ..NO_FILL }));
    }

    /// Fills a part or all of a live order.
    pub(super) fn trade(&mut self, index: usize) {
        let o = self.venue.orders[index];
        let symbol = o.order.symbol.index();
        let mut leaves = o.order.qty.units() - o.cum.units();
        if o.order.reduce_only {
            let held = self.venue.positions[symbol].qty().units() * -o.order.side.sign();
            leaves = leaves.min(held.max(0));
        }
        let lots = (leaves / milli(1).units()) as u64;
        if lots == 0 {
            return;
        }
        let lots = if self.dice.one_in(2) { lots } else { 1 + self.dice.roll(lots) };
        let qty = milli(lots as i64);
        let cum = o.cum.checked_add(qty).expect("small");
        let status =
            if cum == o.order.qty { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let trade_id = self.venue.trades.len() as i64 + 1;
        let at = Fill { trade_id, qty, cum, price: price(self.mids[symbol]) };
        let position = &mut self.venue.positions[symbol];
        let gain = position.apply_fill(o.order.side, qty, at.price).expect("fits");
        let report = report(&o.order, ExecType::Trade, status, at);
        self.venue.wallet += gain.units() - report.commission.units();
        let o = &mut self.venue.orders[index];
        o.cum = cum;
        o.is_live = status != OrderStatus::Filled;
        self.venue.trades.push(report);
        self.expire_stops();
        if !self.rig.engine.links[Link::User as usize] {
            return;
        }
        if self.dice.one_in(2) {
            self.venue.user_events.push_back(UserEvent::Lite(TradeLite {
                symbol: report.symbol,
                client_order_id: report.client_order_id,
                venue_order_id: report.venue_order_id,
                side: report.side,
                last_price: report.last_price,
                last_qty: report.last_qty,
                trade_id: report.trade_id,
                is_maker: false,
                transaction_time: report.transaction_time,
            }));
        }
        let mut update = AccountUpdate { position_count: 1, ..AccountUpdate::default() };
        update.positions[0] = PositionDelta {
            symbol: report.symbol,
            qty: self.venue.positions[symbol].qty(),
            ..PositionDelta::default()
        };
        self.venue.user_events.push_back(UserEvent::Account(update));
        self.push(report);
    }
}
