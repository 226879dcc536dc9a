//! `shrike top`: a run on the screen, as it is. It looks and never sends a command.

use std::time::{Duration, Instant};

use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rings::{Next, journal};
use schema::{Record, RunInfo};

use crate::cli::TopArgs;
use crate::exit::{Exit, Failure};
use crate::instance::{self, View, is_live, mono_ns, resolve};
use crate::live::{GuardReader, Live};
use crate::screen::{self, TopFrame};
use crate::terminal::{Key, Terminal};

/// Time of one turn: the rings are read and the screen is drawn five times a second.
const TURN: Duration = Duration::from_millis(200);
/// Records taken in one turn, so that a screen is drawn even while much is to be read.
const RECORDS_A_TURN: usize = 50_000;
/// Size of a frame printed once, unless the terminal says another.
const SIZE: (u16, u16) = (140, 45);

/// `shrike top`.
///
/// # Errors
/// No such instance, or no terminal.
pub(crate) fn run(args: &TopArgs) -> Result<Exit, Failure> {
    let mut watch = Watch::new(resolve(args.instance.as_deref())?);
    if args.once {
        watch.turn_whole();
        let (width, height) = args.size.unwrap_or(SIZE);
        print!("{}", text(&watch.live, &watch.frame(0), width, height)?);
        return Ok(Exit::Ok);
    }
    let mut terminal = Terminal::take()?;
    let mut page = 0;
    loop {
        watch.turn();
        let (live, frame) = (&watch.live, watch.frame(page));
        terminal.draw_with(|area, buffer| screen::draw_top(area, buffer, live, &frame))?;
        let until = Instant::now() + TURN;
        // A key is answered at once, and so is a terminal of another size.
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match terminal.key(left) {
                Some(Key::End) => return Ok(Exit::Ok),
                Some(Key::Symbols) => {
                    page += 1;
                    break;
                }
                Some(Key::Resized) => break,
                None => {}
            }
        }
    }
}

/// One frame as text.
fn text(live: &Live, frame: &TopFrame, width: u16, height: u16) -> Result<String, Failure> {
    let backend = TestBackend::new(width, height);
    let mut terminal = ratatui::Terminal::new(backend).map_err(|error| {
        Failure::new(Exit::Unavailable, format!("a frame of {width}x{height}: {error}"), "")
    })?;
    let draw = |area: Rect, buffer: &mut Buffer| screen::draw_top(area, buffer, live, frame);
    // A buffer in memory is never gone.
    let _ = terminal.draw(|target| draw(target.area(), target.buffer_mut()));
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    Ok((0..height).map(|y| format!("{}\n", row(y).trim_end())).collect())
}

/// Follows a run, its next life too.
struct Watch {
    instance: String,
    live: Live,
    guard: GuardReader,
    attached: Option<(View, journal::Reader<Record>)>,
}

impl Watch {
    fn new(instance: String) -> Self {
        let live = Live::new(RunInfo::default());
        Self { instance, live, guard: GuardReader::default(), attached: None }
    }

    /// Takes what is new.
    fn turn(&mut self) -> usize {
        self.guard.turn(&self.instance, &mut self.live.guarded);
        let is_over = |(view, _): &(View, journal::Reader<Record>)| view.is_stale();
        if self.attached.as_ref().is_none_or(is_over) {
            self.attach();
        }
        let Some((view, journal)) = &mut self.attached else { return 0 };
        let mut taken = 0;
        while taken < RECORDS_A_TURN {
            match journal.next() {
                Next::Item(_, record) => self.live.take_record(&record),
                Next::Lost { count, .. } => self.live.take_loss(count),
                Next::Empty => break,
            }
            taken += 1;
        }
        if let Some(status) = view.status() {
            self.live.take_status(status);
        }
        taken
    }

    /// Takes everything there is.
    fn turn_whole(&mut self) {
        while self.turn() == RECORDS_A_TURN {}
    }

    fn frame(&self, page: usize) -> TopFrame {
        TopFrame {
            instance: self.instance.clone(),
            is_live: is_live(&self.instance),
            processes: rings::processes(&self.instance),
            page,
            up_s: self.attached.as_ref().map_or(0, |(view, _)| {
                let seen_s = self.live.status.wall_ns / 1_000_000_000;
                u64::try_from(seen_s - view.started_s()).unwrap_or(0)
            }),
            now_mono_ns: mono_ns(),
        }
    }

    fn attach(&mut self) {
        let Ok(journal) = instance::journal(&self.instance, true) else { return };
        let Ok(view) = View::open(&self.instance) else { return };
        self.live.begin(view.info);
        self.attached = Some((view, journal));
    }
}
