//! The arbiter: of two copies of every market message, the first valid one passes.
//!
//! `bookTicker` and partial depth are states: a newer one replaces the older, so the highest update
//! id passes and all below are dropped. Trades and diff depth are events: none may be lost. A trade
//! that only one connection brought passes however late it is (up to [`Sequence`]'s memory). A diff
//! must follow the one before (`pu` = `u` before): one that came too early, because its connection
//! lost the predecessor, is held for a bounded time for the other connection to bring it; only when
//! both lost it does the gap reach the book, which then asks for a snapshot.
//!
//! The copies are compared all the time: one id with two contents is a divergence, counted, and
//! told to the engine when it happens often ([`Arbiter::next_diverged`]).

use schema::{
    BookTicker, Counter, Counters, DepthBuf, DepthHead, DepthKind, Level, Mark, MonoNs,
    SYMBOLS_MAX, SymbolId, Trade, WallNs,
};

use super::held::Held;
use super::sequence::{Place, Sequence, mix};
use super::{LANES, STREAMS, Stream};

/// Longest wait for a missing predecessor: a lost packet's first retransmission (200 ms) and some.
const HOLD_NS: u64 = 300_000_000;
/// A mark stream that brought nothing for so long may begin again with an earlier time.
const MARK_RESTART_NS: u64 = 3_000_000_000;
/// Divergences of one symbol within [`DIVERGENCE_WINDOW_NS`] that the engine hears of.
const DIVERGENCES: u32 = 3;
/// See [`DIVERGENCES`].
const DIVERGENCE_WINDOW_NS: u64 = 1_000_000_000;
/// Weight of the newest lead in the average, 1 in so many.
const LEAD_WEIGHT: i64 = 16;

/// Which connection of its link brought a message: below [`LANES`].
pub type Lane = usize;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Hand it to the engine. (A diff may come with `previous_update_id` set to what passed before,
    /// where the connections cut the same updates into different events.)
    Pass,
    /// It came before, or is too old to be of use.
    Drop,
    /// A diff that waits for its predecessor; its levels are kept.
    Held,
    /// The venue counts anew: forget the books (as if the public link had gone and come), then hand
    /// the message to the engine.
    Restarted,
}

/// How one connection does against the others of its link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Messages it brought first.
    pub wins: u64,
    /// Messages another had brought before.
    pub duplicates: u64,
    /// Time from its copy to the other's when it was first, a moving average, ns.
    pub lead_ns: i64,
}

#[derive(Debug, Default)]
struct Feed {
    /// By [`Stream`].
    sequences: [Sequence; STREAMS],
    mark_at: MonoNs,
    divergences: u32,
    diverged_at: MonoNs,
    is_diverged: bool,
}

/// The arbiter of all symbols and market streams.
#[derive(Debug)]
pub struct Arbiter {
    feeds: [Feed; SYMBOLS_MAX],
    held: Held,
    /// Public connections that are up: with one alone nothing is held.
    lanes_up: [bool; LANES],
    /// By link (public, market) and lane.
    rankings: [[Ranking; LANES]; 2],
    counts: Counters,
}

impl Default for Arbiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Arbiter {
    /// Allocates what it holds; nothing allocates afterwards.
    pub fn new() -> Self {
        Self {
            feeds: std::array::from_fn(|_| Feed::default()),
            held: Held::new(),
            lanes_up: [false; LANES],
            rankings: Default::default(),
            counts: Counters::default(),
        }
    }

    /// What it counted: [`Counter::FeedDuplicate`], [`Counter::FeedMadeUp`],
    /// [`Counter::FeedDiverged`].
    pub const fn counts(&self) -> &Counters {
        &self.counts
    }
    /// How a connection of `stream`'s link does.
    pub fn ranking(&self, link: schema::Link, lane: Lane) -> Ranking {
        let by_link = self.rankings.get(link as usize).and_then(|lanes| lanes.get(lane));
        by_link.copied().unwrap_or_default()
    }
    /// A public connection came or went. What the others lack is not waited for from one that went.
    pub fn set_up(&mut self, lane: Lane, is_up: bool) {
        self.lanes_up[lane] = is_up;
    }
    /// Forgets all ids: the link was down, what comes next begins anew.
    pub fn reset(&mut self, link: schema::Link) {
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            for stream in Stream::ALL.into_iter().filter(|stream| stream.link() == link) {
                feed.sequences[stream as usize].reset();
            }
            if link == schema::Link::Public {
                self.held.clear(SymbolId(index as u16));
            }
        }
    }

    /// A best bid and ask.
    #[inline]
    pub fn ticker(&mut self, now: MonoNs, lane: Lane, ticker: &BookTicker) -> Taken {
        let bid = mix(ticker.bid_price.units() as u64, ticker.bid_qty.units() as u64);
        let ask = mix(ticker.ask_price.units() as u64, ticker.ask_qty.units() as u64);
        let (id, time) = (ticker.update_id, ticker.transaction_time);
        self.state(now, lane, ticker.symbol, Stream::Ticker, id, time, mix(bid, ask))
    }

    /// A trade.
    #[inline]
    pub fn trade(&mut self, now: MonoNs, lane: Lane, trade: &Trade) -> Taken {
        let Ok(id) = u64::try_from(trade.trade_id.0) else { return Taken::Drop };
        let content = mix(trade.price.units() as u64, trade.qty.units() as u64);
        let content = mix(content, u64::from(trade.buyer_is_maker));
        let time = trade.trade_time;
        self.state(now, lane, trade.symbol, Stream::Trade, id, time, content)
    }

    /// A mark price; its time numbers it.
    pub fn mark(&mut self, now: MonoNs, lane: Lane, mark: &Mark) -> Taken {
        let Some(feed) = self.feeds.get_mut(mark.symbol.index()) else { return Taken::Drop };
        let Ok(id) = u64::try_from(mark.event_time.0) else { return Taken::Drop };
        let is_silent = now.since(feed.mark_at) > MARK_RESTART_NS;
        let time = if is_silent { mark.event_time.0.max(1) } else { 0 };
        let content = mix(mark.mark_price.units() as u64, mark.index_price.units() as u64);
        let content = mix(content, mark.funding_rate_e8 as u64);
        let taken = self.state(now, lane, mark.symbol, Stream::Mark, id, WallNs(time), content);
        if matches!(taken, Taken::Pass | Taken::Restarted) {
            self.feeds[mark.symbol.index()].mark_at = now;
        }
        taken
    }

    /// A depth event. [`Taken::Held`] has swapped the levels away; after [`Taken::Pass`] ask
    /// [`Arbiter::next_held`] until it has no more.
    #[inline]
    pub fn depth(
        &mut self,
        now: MonoNs,
        lane: Lane,
        head: &mut DepthHead,
        depth: &mut DepthBuf,
    ) -> Taken {
        let content = mix(levels_hash(depth.bids()), levels_hash(depth.asks()));
        let (id, time) = (head.last_update_id, head.transaction_time);
        match head.kind {
            DepthKind::Snapshot => Taken::Pass,
            DepthKind::Partial => {
                self.state(now, lane, head.symbol, Stream::Partial, id, time, content)
            }
            DepthKind::Diff => self.diff(now, lane, head, depth, content),
        }
    }

    fn diff(
        &mut self,
        now: MonoNs,
        lane: Lane,
        head: &mut DepthHead,
        depth: &mut DepthBuf,
        content: u64,
    ) -> Taken {
        let (symbol, id, time) = (head.symbol, head.last_update_id, head.transaction_time);
        let Some(feed) = self.feeds.get_mut(symbol.index()) else { return Taken::Drop };
        let sequence = &mut feed.sequences[Stream::Diff as usize];
        match sequence.place(id, time, content) {
            Place::New => {}
            Place::Restarted => {
                self.held.clear(symbol);
                self.feeds[symbol.index()].sequences[Stream::Diff as usize]
                    .pass(id, time, content, now, lane);
                return Taken::Restarted;
            }
            place => return self.drop(now, lane, symbol, Stream::Diff, place),
        }
        let last = sequence.last();
        let follows = last == 0 || head.previous_update_id <= last;
        if !follows && self.has_other(lane) {
            if let Some(held) = self.held.content(symbol, id) {
                let is_different = held != content;
                let seen = Place::Seen { is_different, first: None };
                return self.drop(now, lane, symbol, Stream::Diff, seen);
            }
            if self.held.push(now, lane, head, content, depth) {
                return Taken::Held;
            }
        }
        if follows && last != 0 {
            // Absolute quantities: what overlaps what passed may be applied on it.
            head.previous_update_id = last;
        }
        self.feeds[symbol.index()].sequences[Stream::Diff as usize]
            .pass(id, time, content, now, lane);
        self.rankings[0][lane].wins += 1;
        Taken::Pass
    }

    /// The next held diff whose turn it is: its predecessor passed, or its time is over, or nobody
    /// is left to bring the predecessor. Its levels are in `depth`; it passes.
    pub fn next_held(&mut self, now: MonoNs, depth: &mut DepthBuf) -> Option<(Lane, DepthHead)> {
        if self.held.is_empty() {
            return None;
        }
        let can_wait = self.lanes_up.iter().filter(|up| **up).count() > 1;
        // Bounded: each round takes one event out.
        for index in 0..SYMBOLS_MAX {
            let symbol = SymbolId(index as u16);
            while let Some(first) = self.held.first(symbol) {
                let last = self.feeds[index].sequences[Stream::Diff as usize].last();
                let follows = first.previous_update_id <= last;
                let since = self.held.since(symbol).unwrap_or(now);
                if !follows && can_wait && now.since(since) <= HOLD_NS {
                    break;
                }
                let Some(mut out) = self.held.pop(symbol, depth) else { break };
                if out.head.last_update_id <= last {
                    self.counts.count(Counter::FeedDuplicate);
                    continue;
                }
                if follows {
                    self.counts.count(Counter::FeedMadeUp);
                    out.head.previous_update_id = last;
                }
                let (id, time) = (out.head.last_update_id, out.head.transaction_time);
                self.feeds[index].sequences[Stream::Diff as usize].pass(
                    id,
                    time,
                    out.content,
                    now,
                    out.lane,
                );
                self.rankings[0][out.lane].wins += 1;
                return Some((out.lane, out.head));
            }
        }
        None
    }

    /// A symbol whose copies differ too often, once each time that happens.
    pub fn next_diverged(&mut self) -> Option<SymbolId> {
        let index = self.feeds.iter().position(|feed| feed.is_diverged)?;
        self.feeds[index].is_diverged = false;
        Some(SymbolId(index as u16))
    }

    fn has_other(&self, lane: Lane) -> bool {
        self.lanes_up.iter().enumerate().any(|(other, up)| *up && other != lane)
    }

    /// A message of a stream without chain.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "one message, taken apart")]
    fn state(
        &mut self,
        now: MonoNs,
        lane: Lane,
        symbol: SymbolId,
        stream: Stream,
        id: u64,
        time: WallNs,
        content: u64,
    ) -> Taken {
        let Some(feed) = self.feeds.get_mut(symbol.index()) else { return Taken::Drop };
        let sequence = &mut feed.sequences[stream as usize];
        let taken = match sequence.place(id, time, content) {
            Place::New => Taken::Pass,
            Place::Restarted => Taken::Restarted,
            Place::Late if stream == Stream::Trade => {
                self.counts.count(Counter::FeedMadeUp);
                Taken::Pass
            }
            place => return self.drop(now, lane, symbol, stream, place),
        };
        sequence.pass(id, time, content, now, lane);
        self.rankings[stream.link() as usize][lane].wins += 1;
        taken
    }

    /// Counts a message that does not pass.
    #[inline]
    fn drop(
        &mut self,
        now: MonoNs,
        lane: Lane,
        symbol: SymbolId,
        stream: Stream,
        place: Place,
    ) -> Taken {
        self.counts.count(Counter::FeedDuplicate);
        let rankings = &mut self.rankings[stream.link() as usize];
        rankings[lane].duplicates += 1;
        let Place::Seen { is_different, first } = place else { return Taken::Drop };
        if let Some((at, winner)) = first
            && usize::from(winner) != lane
        {
            let lead = i64::try_from(now.since(at)).unwrap_or(i64::MAX);
            let average = &mut rankings[usize::from(winner)].lead_ns;
            *average += (lead - *average) / LEAD_WEIGHT;
        }
        if is_different {
            self.diverged(now, symbol);
        }
        Taken::Drop
    }

    #[cold]
    fn diverged(&mut self, now: MonoNs, symbol: SymbolId) {
        self.counts.count(Counter::FeedDiverged);
        let feed = &mut self.feeds[symbol.index()];
        if now.since(feed.diverged_at) > DIVERGENCE_WINDOW_NS {
            feed.divergences = 0;
            feed.diverged_at = now;
        }
        feed.divergences += 1;
        if feed.divergences == DIVERGENCES {
            feed.is_diverged = true;
        }
    }
}

/// Content of one side.
#[inline]
fn levels_hash(levels: &[Level]) -> u64 {
    let mut hash = levels.len() as u64;
    for level in levels {
        hash = mix(mix(hash, level.price.units() as u64), level.qty.units() as u64);
    }
    hash
}
