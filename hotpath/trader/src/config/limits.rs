//! The limits of the account: what no order may take it past.

use engine::Limits;
use schema::Notional;

use super::Environment;
use super::reader::{Mistakes, Section, show};
use super::trading::{AMOUNT_MAX, Account};

const MS_NS: u64 = 1_000_000;
/// Guard presses the kill switch at this fall of equity (SPEC); the trader's own limit is not above.
const DRAWDOWN_PPM_MOST: i64 = 100_000;

pub(super) fn limits(
    mut s: Section<'_>,
    account: Option<Account>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> Option<Limits> {
    let exposure = s.decimal("exposure_max_usdt", 1..=AMOUNT_MAX, out);
    let price_collar_ppm = s.integer("price_collar_ppm", 1..=500_000, out).unwrap_or(5_000);
    let open_orders = s.integer("open_orders_max", 1..=200, out).unwrap_or(8);
    // The venue's own limits (PROTOCOL 6); the local venue of demo and bench may have others.
    let (most_10s, most_1m) =
        if environment == Environment::Demo { (1_000_000, 1_000_000) } else { (300, 1_200) };
    let messages_10s = s.integer("messages_10s_max", 1..=most_10s, out).unwrap_or(150);
    let messages_1m = s.integer("messages_1m_max", 1..=most_1m, out).unwrap_or(600);
    let reserve = s.integer("messages_cancel_reserve", 0..=299, out).unwrap_or(30);
    let ms = |s: &mut Section<'_>, key, default: i64, out: &mut Mistakes<'_>| {
        s.integer(key, 1..=3_600_000, out).unwrap_or(default) as u64 * MS_NS
    };
    let book_age_ns_max = ms(&mut s, "book_age_ms_max", 2_000, out);
    let feed_delay_ns_max = ms(&mut s, "feed_delay_ms_max", 2_000, out);
    let mark_age_ns_max = ms(&mut s, "mark_age_ms_max", 5_000, out);
    let duplicate_ms = s.integer("duplicate_window_ms", 0..=60_000, out).unwrap_or(0);
    let daily_loss = s.decimal("daily_loss_max_usdt", 1..=AMOUNT_MAX, out);
    let venue_rejects = s.integer("venue_rejects_max", 1..=1_000, out).unwrap_or(10);
    let drawdown_most =
        if environment == Environment::Demo { 1_000_000 } else { DRAWDOWN_PPM_MOST };
    let drawdown_ppm_max =
        s.integer("drawdown_ppm_max", 1_000..=drawdown_most, out).unwrap_or(DRAWDOWN_PPM_MOST);
    let collar = window_collar(&mut s, out);
    let repeated = repeated(&mut s, environment, out);
    let ratio = order_to_trade(&mut s, out);
    // The venue's lowest tier is 0.4 % for BTCUSDT, 0.5 % for ETHUSDT, to 2.5 % for others.
    let maintenance_ppm = s.integer("maintenance_ppm", 0..=500_000, out).unwrap_or(10_000);
    let margin_ratio_ppm_max =
        s.integer("margin_ratio_ppm_max", 10_000..=800_000, out).unwrap_or(500_000);
    let liquidation_distance_ppm_min =
        s.integer("liquidation_distance_ppm_min", 0..=900_000, out).unwrap_or(30_000);
    if reserve >= messages_10s || reserve >= messages_1m {
        let what = format!("limits.messages_cancel_reserve = {reserve} leaves nothing for orders");
        let at = s.place("messages_cancel_reserve");
        out.add(at, what, "use less than messages_10s_max and messages_1m_max");
    }
    if let (Some(loss), Some(account)) = (daily_loss, account)
        && loss > account.capital
    {
        let what = "limits.daily_loss_max_usdt is above the capital";
        let remedy = format!("use at most {}", show(account.capital));
        out.add(s.place("daily_loss_max_usdt"), what, remedy);
    }
    s.finish(out);
    let account = account?;
    let exposure_default = account.capital.saturating_mul(account.leverage_max);
    Some(Limits {
        capital: Notional::from_units(account.capital),
        exposure_max: Notional::from_units(exposure.unwrap_or(exposure_default)),
        leverage_max_e2: account.leverage_max as u64 * 100,
        price_collar_ppm,
        open_orders_max: open_orders as u32,
        messages_10s_max: messages_10s as u32,
        messages_1m_max: messages_1m as u32,
        messages_cancel_reserve: reserve as u32,
        book_age_ns_max,
        feed_delay_ns_max,
        mark_age_ns_max,
        duplicate_window_ns: duplicate_ms as u64 * MS_NS,
        // A tenth of the capital a day unless told otherwise.
        daily_loss_max: Notional::from_units(daily_loss.unwrap_or((account.capital / 10).max(1))),
        venue_rejects_max: venue_rejects as u32,
        drawdown_ppm_max,
        window_collar_ppm: collar.ppm,
        window_collar_ns: collar.window_ns,
        repeated_orders_max: repeated.orders_max,
        repeated_window_ns: repeated.window_ns,
        order_to_trade_e2_max: ratio.max_e2,
        order_to_trade_from: ratio.from,
        maintenance_ppm,
        margin_ratio_ppm_max,
        liquidation_distance_ppm_min,
    })
}

/// The collar over a time window: a price that runs away in small steps passes every single one.
struct Collar {
    ppm: i64,
    window_ns: u64,
}

fn window_collar(s: &mut Section<'_>, out: &mut Mistakes<'_>) -> Collar {
    let ppm = s.integer("window_collar_ppm", 1_000..=1_000_000, out).unwrap_or(30_000);
    let ms = s.integer("window_collar_ms", 1_000..=3_600_000, out).unwrap_or(60_000);
    Collar { ppm, window_ns: ms as u64 * MS_NS }
}

/// Orders alike in a time window.
struct Repeated {
    orders_max: u32,
    window_ns: u64,
}

fn repeated(s: &mut Section<'_>, environment: Environment, out: &mut Mistakes<'_>) -> Repeated {
    let orders_max = s.integer("repeated_orders_max", 1..=1_000, out).unwrap_or(100);
    // Only where there is no money may it be off.
    let least = if environment == Environment::Demo { 0 } else { 1_000 };
    let ms = s.integer("repeated_window_ms", least..=3_600_000, out).unwrap_or(60_000);
    Repeated { orders_max: orders_max as u32, window_ns: ms as u64 * MS_NS }
}

/// Messages a fill.
struct Ratio {
    max_e2: u32,
    from: u32,
}

fn order_to_trade(s: &mut Section<'_>, out: &mut Mistakes<'_>) -> Ratio {
    let max = s.integer("order_to_trade_max", 1..=10_000, out).unwrap_or(50);
    let from = s.integer("order_to_trade_from", 10..=1_000_000, out).unwrap_or(500);
    Ratio { max_e2: max as u32 * 100, from: from as u32 }
}
