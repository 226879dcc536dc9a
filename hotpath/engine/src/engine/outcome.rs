//! What an answer of the venue means for us (PROTOCOL section 7: error codes and HTTP statuses).

use schema::OrderReply;

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may have been carried out: live until the venue says otherwise.
    Unknown,
    /// Certainly not carried out, an ordinary market event (post-only would take, FOK unfilled).
    Expected,
    /// Certainly not carried out, for overload: the same may be sent again after a pause.
    Failed,
    /// Certainly not carried out.
    Refused,
    /// Certainly not carried out, and no order may be sent for a while; cancels may.
    OrderLimit,
    /// Certainly not carried out, and nothing at all may be sent for a while.
    Banned,
    /// Certainly not carried out, and going on would be wrong: key, signature, liquidation.
    Fatal,
    /// Certainly not carried out: our clock is not the venue's.
    Clock,
    /// Certainly not carried out: the symbol or the account takes no more risk for now.
    Closed,
    /// There is no such order: finished, or never arrived. Only a question tells which.
    NoSuchOrder,
}

/// Sorts the answer to a request that was not carried out.
pub(super) fn refusal(reply: &OrderReply) -> Refusal {
    match (reply.status, reply.code) {
        (_, -1015) => Refusal::OrderLimit,
        (418 | 429, _) | (_, -1003) => Refusal::Banned,
        (_, -1021 | -5028) => Refusal::Clock,
        (_, -1022 | -2014 | -2015 | -2023 | -4109 | -4192) => Refusal::Fatal,
        (_, -2011 | -2013) => Refusal::NoSuchOrder,
        (_, -5022 | -5021 | -2020 | -2021 | -5027) => Refusal::Expected,
        // Named as certain failures although they travel with 5xx.
        (_, -1001 | -1008 | -1016) => Refusal::Failed,
        // It is among the open orders: an earlier attempt is live.
        (_, -4116) => Refusal::Unknown,
        (_, -1000 | -1006 | -1007) => Refusal::Unknown,
        (_, -4087 | -4088 | -4140 | -4141 | -4400 | -4401 | -4405 | -4407 | -4519..=-4517) => {
            Refusal::Closed
        }
        (401 | 403, _) => Refusal::Fatal,
        (400..=499, _) if reply.status != 408 => Refusal::Refused,
        _ => Refusal::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::{ClientOrderId, OrderStatus, Price, Qty, RequestId, VenueOrderId};

    #[track_caller]
    fn check(status: u16, code: i32, expected: Refusal) {
        let reply = OrderReply {
            request_id: RequestId(1),
            status,
            code,
            order_status: OrderStatus::Unknown,
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(0),
            price: Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: Qty::ZERO,
            order_count_10s: u32::MAX,
            order_count_1m: u32::MAX,
            weight_1m: u32::MAX,
            retry_after_ms: 0,
        };
        assert_eq!(refusal(&reply), expected, "{status} {code}");
    }

    /// Every row of PROTOCOL section 7 that can answer an order, a change, a cancel or a question.
    #[test]
    fn refusals_mean_what_the_venue_documents() {
        use Refusal::*;
        let rows: [(u16, i32, Refusal); 77] = [
            (503, 0, Unknown),
            (500, 0, Unknown),
            (502, 0, Unknown),
            (504, 0, Unknown),
            (408, 0, Unknown),
            (0, 0, Unknown),
            (500, -1000, Unknown),
            (400, -1006, Unknown),
            (408, -1007, Unknown),
            (503, -1007, Unknown),
            (400, -4116, Unknown),
            (503, -1001, Failed),
            (400, -1001, Failed),
            (503, -1008, Failed),
            (503, -1016, Failed),
            (429, -1003, Banned),
            (418, -1003, Banned),
            (429, 0, Banned),
            (418, 0, Banned),
            (400, -1003, Banned),
            (429, -1015, OrderLimit),
            (400, -1015, OrderLimit),
            (400, -1021, Clock),
            (400, -5028, Clock),
            (400, -1022, Fatal),
            (401, -2014, Fatal),
            (401, -2015, Fatal),
            (400, -2023, Fatal),
            (400, -4192, Fatal),
            (400, -4109, Fatal),
            (401, 0, Fatal),
            (403, 0, Fatal),
            (400, -2011, NoSuchOrder),
            (400, -2013, NoSuchOrder),
            (400, -5022, Expected),
            (400, -5021, Expected),
            (400, -2020, Expected),
            (400, -2021, Expected),
            (400, -5027, Expected),
            (400, -4087, Closed),
            (400, -4088, Closed),
            (400, -4140, Closed),
            (400, -4141, Closed),
            (400, -4400, Closed),
            (400, -4401, Closed),
            (400, -4405, Closed),
            (400, -4407, Closed),
            (400, -4517, Closed),
            (400, -4518, Closed),
            (400, -4519, Closed),
            (400, -1102, Refused),
            (400, -1106, Refused),
            (400, -1128, Refused),
            (400, -1130, Refused),
            (400, -1111, Refused),
            (400, -1115, Refused),
            (400, -1116, Refused),
            (400, -1117, Refused),
            (400, -1121, Refused),
            (400, -2010, Refused),
            (400, -2018, Refused),
            (400, -2019, Refused),
            (400, -2022, Refused),
            (400, -2025, Refused),
            (400, -2027, Refused),
            (400, -4003, Refused),
            (400, -4014, Refused),
            (400, -4015, Refused),
            (400, -4016, Refused),
            (400, -4024, Refused),
            (400, -4118, Refused),
            (400, -4120, Refused),
            (400, -4130, Refused),
            (400, -4131, Refused),
            (400, -4164, Refused),
            (400, -5024, Refused),
            (400, -5043, Refused),
        ];
        for (status, code, expected) in rows {
            check(status, code, expected);
        }
    }
}
