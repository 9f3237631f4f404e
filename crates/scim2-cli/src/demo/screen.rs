//! What the demo shows: headings, lines, and how far a cycle has come.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scim2_sync::plan::Phase;
use scim2_sync::report::Progress;

/// Where the demo writes to.
pub(crate) struct Screen<'o> {
    out: &'o mut dyn Write,
    bar: ProgressBar,
}

impl<'o> Screen<'o> {
    /// Bars are drawn on standard error, and only if that is a terminal.
    pub(crate) fn new(out: &'o mut dyn Write) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{prefix:>16} {bar:40} {pos}/{len}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Self { out, bar }
    }

    /// Begins a part.
    pub(crate) fn heading(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n== {title}")?;
        self.out.flush()
    }

    /// Writes a line. What the source calls people comes from outside: control characters are
    /// shown and not obeyed.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        for c in line.to_string().chars() {
            if c.is_control() {
                write!(self.out, "{}", c.escape_unicode())?;
            } else {
                write!(self.out, "{c}")?;
            }
        }
        writeln!(self.out)?;
        self.out.flush()
    }

    /// What tells a cycle's progress: a bar on a terminal, a line a phase elsewhere.
    pub(crate) fn progress(&self) -> impl Progress + 'static {
        Bar(self.bar.clone())
    }

    /// Takes the bar away, so that lines can follow.
    pub(crate) fn finish_progress(&mut self) {
        self.bar.finish_and_clear();
    }
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn phase(&mut self, phase: Phase, actions: usize) {
        if self.0.is_hidden() {
            if actions > 0 {
                eprintln!("   {phase}: {actions}");
            }
            return;
        }
        self.0.reset();
        self.0.set_length(actions.try_into().unwrap_or(u64::MAX));
        self.0.set_prefix(phase.to_string());
    }

    fn advance(&mut self) {
        self.0.inc(1);
    }
}
